"""The parts of a recipe for the slice network that an ablation changes, one at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from training.config import ConfigError, changed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from training.config import RunConfig

BASE = "base"
"""The run's own recipe."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """A recipe for the slice network.

    Attributes:
        key: names its folder, and --only.
        name: in words, for the table.
        changes: to the run's configuration, each "section.name=value".
        against: key of the recipe that differs from it in one thing alone.
        faint_is_blood: a label of blood too faint to be seen counts as there; else as not known.
    """

    key: str
    name: str
    changes: tuple[str, ...] = ()
    against: str = BASE
    faint_is_blood: bool = False

    def is_as(self, other: Recipe, config: RunConfig) -> bool:
        """Whether a run with this configuration is fitted by both in the same way."""
        same = changed(config, list(self.changes)) == changed(config, list(other.changes))
        return same and self.faint_is_blood == other.faint_is_blood


_ALL_FITTED = ("cnn.frozen=0",)
_RANDOM = (*_ALL_FITTED, "cnn.start=")

RECIPES = (
    Recipe(BASE, "base"),
    Recipe("faint-blood", "all blood positive, the faint too", faint_is_blood=True),
    Recipe("masks", "masks teach nothing", ("localised.mask_head=0", "localised.outside=0", "localised.missed=0")),
    Recipe("mask-head", "no second head on the masks", ("localised.mask_head=0",)),
    Recipe("noise", "no noise, no blur", ("cnn.noise_hu=0", "cnn.blur=0")),
    Recipe("side-192", "pictures of 192 x 192", ("prepare.side=192",)),
    Recipe("side-96", "pictures of 96 x 96", ("prepare.side=96",)),
    # What follows cannot keep the first parts as the file of starting weights has them, so neither does what it is
    # compared with.
    Recipe("all-fitted", "no part frozen", _ALL_FITTED),
    Recipe("neighbours", "neighbour slices as channels", (*_ALL_FITTED, "cnn.neighbours=1"), "all-fitted"),
    Recipe("random-start", "random starting weights", _RANDOM, "all-fitted"),
    Recipe("small", "small backbone", (*_RANDOM, "cnn.backbone=small"), "random-start"),
    Recipe("changes", "no random changes of pictures", ("cnn.augmentation=none",)),
    Recipe("drawing", "all slices drawn alike", ("cnn.positive_weight=1", "cnn.rare_weight=0")),
)
"""In the order in which they are fitted and shown."""


def chosen(keys: Sequence[str]) -> tuple[Recipe, ...]:
    """The recipes of these keys, all without any; with them those that they are compared with, and the base.

    Raises:
        ConfigError: there is no such key.
    """
    by_key = {one.key: one for one in RECIPES}
    wanted = {BASE, *(keys or by_key)}
    if strange := sorted(wanted - by_key.keys()):
        raise ConfigError(f"--only {strange[0]}: must be one of {', '.join(by_key)}")
    while needed := {by_key[key].against for key in wanted} - wanted:
        wanted |= needed
    return tuple(one for one in RECIPES if one.key in wanted)
