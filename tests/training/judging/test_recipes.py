"""What an ablation changes: one thing at a time, against what differs in nothing else."""

from dataclasses import fields

import pytest

from training.config import ConfigError, changed
from training.judging.recipes import BASE, RECIPES, Recipe, chosen
from training.presets import ABLATION, DEMO, SHIPPED

BY_KEY = {one.key: one for one in RECIPES}
ONE_THING = {
    "masks": {"mask_head", "outside"},
    "noise": {"noise_hu", "blur"},
    "drawing": {"positive_weight", "rare_weight"},
}
"""Numbers that stand for one thing where they are two."""


def numbers_that_differ(one, other):
    """Names of numbers of two configurations that are not equal."""
    names = set()
    for section in ("prepare", "cnn", "localised"):
        mine, theirs = getattr(one, section), getattr(other, section)
        names |= {each.name for each in fields(mine) if getattr(mine, each.name) != getattr(theirs, each.name)}
    return names


@pytest.mark.parametrize("recipe", [one for one in RECIPES if one.key != BASE], ids=lambda one: one.key)
def test_each_recipe_differs_in_one_thing_from_the_one_that_it_is_compared_with(recipe):
    against = BY_KEY[recipe.against]
    one, other = (changed(ABLATION, list(each.changes)) for each in (recipe, against))
    differ = numbers_that_differ(one, other)
    if recipe.faint_is_blood:
        assert not differ
    else:
        assert differ == ONE_THING.get(recipe.key, differ)
        assert len(differ) == len(ONE_THING.get(recipe.key, "1"))
    assert not recipe.is_as(against, ABLATION)


def test_the_base_is_the_recipe_of_the_shipped_model_but_for_its_length_and_side():
    assert RECIPES[0] == Recipe(BASE, "base")
    assert numbers_that_differ(ABLATION, SHIPPED) == {"side", "rates", "slices_per_epoch", "average", "from_epoch"}
    assert ABLATION.synthetic == SHIPPED.synthetic, "the same phantoms can serve"
    assert ABLATION.split == SHIPPED.split


def test_what_a_recipe_is_compared_with_comes_before_it_and_with_it():
    assert [one.key for one in chosen(["small"])] == [BASE, "all-fitted", "random-start", "small"]
    assert chosen([]) == RECIPES
    for place, recipe in enumerate(RECIPES):
        assert recipe.against in {one.key for one in RECIPES[: max(place, 1)]}


def test_a_recipe_that_there_is_not_is_refused_with_those_that_there_are():
    with pytest.raises(ConfigError, match="--only mask: must be one of base, faint-blood, masks"):
        chosen(["mask"])


def test_a_run_that_is_so_already_is_known():
    assert BY_KEY["all-fitted"].is_as(BY_KEY[BASE], DEMO), "it starts from random weights and freezes none"
    assert BY_KEY["random-start"].is_as(BY_KEY[BASE], DEMO)
    assert not BY_KEY["faint-blood"].is_as(BY_KEY[BASE], DEMO)
