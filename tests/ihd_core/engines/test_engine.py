from __future__ import annotations

import os
import re
import threading
from dataclasses import replace

import pytest
import torch

from ihd_core.engines.engine import ENGINES, engine_for
from ihd_core.engines.proof import EXACT, ROUNDED, calibration_pictures, validation_pictures
from ihd_core.engines.runtimes import REFERENCE, RUNTIMES, Runtime, runtime_named
from ihd_core.errors import CannotPredict
from ihd_core.model_file import Member, Model
from ihd_core.networks.network import BACKBONES, SliceCnn
from tests.ihd_core.toy import toy_info

SIDE = 32
FASTER = [runtime for runtime in RUNTIMES if runtime.name not in ("cuda", REFERENCE.name)]


def lively_model(backbone="tiny", members=1, side=SIDE):
    """Random weights whose batch norms know their maps, so that values are about 1 in every layer."""
    info = toy_info(backbone=backbone, side=side, pooled_count=BACKBONES[backbone].pooled_count, sequence=None)
    each = []
    with torch.random.fork_rng():
        torch.manual_seed(5)
        for _ in range(members):
            cnn = SliceCnn(backbone, info.mean, info.deviation)
            for module in cnn.modules():
                if isinstance(module, torch.nn.BatchNorm2d):
                    module.momentum = 1.0
            with torch.no_grad():
                cnn(torch.rand(16, 3, side, side))
            torch.nn.init.normal_(cnn.fc.weight, std=0.3)
            each.append(Member(cnn.eval().requires_grad_(False)))
    return Model(replace(info, members=members), tuple(each))


def noise(count=2, side=SIDE, seed=1):
    return torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(seed))


SAMPLES = noise(3, seed=7).numpy()


def fake(name="fake", reader=None, load=None, **changes):
    """A runtime that is torch, except for what a test makes of it."""

    def plainly(cnn, info):
        read = REFERENCE.load(cnn, info)
        return (lambda pictures: reader(read(pictures))) if reader else read

    return Runtime(name, name.title(), (), load or plainly, lambda cnn: True, **changes)


def shifted(by, of="logits"):
    return lambda output: output._replace(**{of: getattr(output, of) + by})


def need(runtime, model=None):
    """The extra `engines` is part of `test`; where a package is missing the test ends, and in CI it fails."""
    if not runtime.installed:
        reason = f"{runtime.title} is not installed"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
    if model and runtime.name != "onnxruntime int8" and not runtime.suits(model.members[0].cnn):
        pytest.skip(f"{runtime.title} is not made for this processor or network")


@pytest.mark.parametrize("backbone", ["tiny", "small", "lite0"])
@pytest.mark.parametrize("runtime", FASTER, ids=lambda runtime: runtime.name)
def test_every_engine_gives_what_the_network_gives(runtime, backbone):
    model = lively_model(backbone)
    need(runtime, model)
    cnn, x = model.members[0].cnn, noise()
    kinds, weights = [type(module) for module in cnn.modules()], {k: v.clone() for k, v in cnn.state_dict().items()}
    expected = cnn(x)
    if (
        runtime.bounds is not EXACT
    ):  # random weights amplify what rounding leaves, so that no engine would pass for them
        output = runtime.load(cnn, model.info)(x)
        for ours, theirs in zip(output, expected, strict=True):
            correlation = torch.corrcoef(torch.stack([ours.flatten(), theirs.flatten()]))[0, 1]
            assert float(correlation) > (0.7 if runtime.name == "onnxruntime int8" else 0.9)
    else:
        engine = engine_for(model, runtime.name, SAMPLES)
        assert (engine.name, engine.refused) == (runtime.name, ())
        output = engine.read(0, x)
        for ours, theirs in zip(output, expected, strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4 * float(theirs.abs().max()))
        assert float((output.logits.sigmoid() - expected.logits.sigmoid()).abs().max()) < 1e-3
    assert [(part.dtype, part.shape) for part in output] == [(torch.float32, part.shape) for part in expected]
    assert [type(module) for module in cnn.modules()] == kinds  # the export works on a copy
    assert not any(module.training for module in cnn.modules())
    assert all(torch.equal(tensor, weights[name]) for name, tensor in cnn.state_dict().items())


def test_an_engine_is_no_different_for_a_batch_than_for_single_pictures():
    need(runtime_named("openvino fp32", RUNTIMES))
    engine = engine_for(lively_model(), "openvino fp32", SAMPLES)
    x = noise(3)
    together = engine.read(0, x)
    for number in range(3):
        for whole, single in zip(together, engine.read(0, x[number : number + 1]), strict=True):
            torch.testing.assert_close(whole[number], single[0], rtol=0, atol=1e-5)


@pytest.mark.parametrize("runtime", [*FASTER, REFERENCE], ids=lambda runtime: runtime.name)
def test_pictures_may_be_views_and_results_go_into_autograd(runtime):
    model = lively_model()
    need(runtime, model)
    cnn, turned = model.members[0].cnn, noise().transpose(2, 3)
    output = runtime.load(cnn, model.info)(turned)
    agree = torch.corrcoef(torch.stack([output.logits.flatten(), cnn(turned).logits.flatten()]))[0, 1]
    assert float(agree) > 0.99
    (gradient,) = torch.autograd.grad(cnn.head(output.pooled.requires_grad_())[0, 2], output.pooled)
    torch.testing.assert_close(gradient[0], cnn.head.weight[2])


def test_each_member_is_read_by_its_own_network():
    need(runtime_named("openvino fp32", RUNTIMES))
    model = lively_model(members=2)
    engine, x = engine_for(model, "openvino fp32", SAMPLES), noise()
    for number, member in enumerate(model.members):
        torch.testing.assert_close(engine.read(number, x).logits, member.cnn(x).logits, rtol=1e-4, atol=1e-4)
    assert not torch.allclose(engine.read(0, x).logits, engine.read(1, x).logits, atol=0.01)


def test_after_bf16_the_sum_of_the_evidence_and_the_bias_are_still_the_logit():
    runtime = runtime_named("openvino bf16", RUNTIMES)
    model = lively_model()
    need(runtime, model)
    head = model.members[0].cnn.head
    output = runtime.load(model.members[0].cnn, model.info)(noise())
    cells = output.activations.shape[2] * output.activations.shape[3]
    evidence = torch.einsum("lk,nkrc->nlrc", head.weight, output.activations) / cells
    torch.testing.assert_close(evidence.sum((2, 3)) + head.bias, output.logits, rtol=1e-4, atol=1e-4)


def test_an_engine_that_strays_in_probability_is_refused_with_the_figure():
    # A head of zeros: all logits are 0 and all probabilities 0.5; sigmoid(0.4) is 0.0987 more.
    model = lively_model()
    head = model.members[0].cnn.head
    head.weight.zero_()
    head.bias.zero_()
    engine = engine_for(model, samples=SAMPLES, runtimes=[fake(reader=shifted(0.4)), REFERENCE])
    assert engine.name == "torch fp32"
    assert engine.refused == ("Fake strays by 0.099 in probability (limit 0.001); torch fp32 is used",)
    assert engine.why == "torch fp32: Fake could not be used"


def test_an_engine_whose_heatmaps_stray_is_refused_though_its_probabilities_agree():
    grown = fake(reader=lambda output: output._replace(activations=output.activations * 1.5))
    engine = engine_for(lively_model(), samples=SAMPLES, runtimes=[grown, REFERENCE])
    assert engine.refused == ("Fake strays by 0.5 of the peak in heatmaps (limit 0.001); torch fp32 is used",)


def test_rounding_is_allowed_to_bf16_and_not_to_single_precision():
    near = shifted(0.01)
    for bounds, taken in ((ROUNDED, "fake"), (EXACT, "torch fp32")):
        engine = engine_for(lively_model(), samples=SAMPLES, runtimes=[fake(reader=near, bounds=bounds), REFERENCE])
        assert engine.name == taken


def test_every_member_has_to_agree():
    model = lively_model(members=2)

    def load(cnn, info):
        read = REFERENCE.load(cnn, info)
        return (lambda x: shifted(0.4)(read(x))) if cnn is model.members[1].cnn else read

    assert engine_for(model, samples=SAMPLES, runtimes=[fake(load=load), REFERENCE]).name == "torch fp32"


def test_after_one_that_strays_and_one_that_cannot_load_the_third_is_taken():
    def load(cnn, info):
        raise RuntimeError("no such instruction\non this processor")

    runtimes = [fake("first", reader=shifted(5.0)), fake("second", load=load), fake("third"), REFERENCE]
    engine = engine_for(lively_model(), samples=SAMPLES, runtimes=runtimes)
    assert engine.name == "third"
    first, second = engine.refused
    assert first.startswith("First strays by ")
    assert second == "Second cannot be used here (no such instruction); Third is used"
    assert engine.why.startswith("Third, the fastest here that agrees: within 0 of torch fp32 in probability")


def test_an_engine_that_crashes_while_it_reads_is_replaced_by_the_next():
    calls = []

    def crash_later(output):
        calls.append(output)
        if len(calls) > 1:
            raise MemoryError
        return output

    model, x = lively_model(), noise()
    runtimes = [fake("first", reader=crash_later), fake("second", reader=shifted(5.0)), fake("third"), REFERENCE]
    engine = engine_for(model, samples=SAMPLES, runtimes=runtimes)
    assert engine.name == "first"
    torch.testing.assert_close(engine.read(0, x), model.members[0].cnn(x), rtol=0, atol=0)
    assert engine.name == "third"
    assert engine.refused[0] == "First failed while it read (MemoryError); Third is used"
    assert engine.refused[1].startswith("Second strays by ")


def test_an_engine_that_gives_no_number_while_it_reads_is_replaced():
    def of_noise_only(cnn, info):
        read = REFERENCE.load(cnn, info)
        return lambda x: shifted(float("nan"), "activations")(read(x)) if float(x.max()) == 0 else read(x)

    model = lively_model()
    engine = engine_for(model, samples=SAMPLES, runtimes=[fake(load=of_noise_only), REFERENCE])
    assert engine.name == "fake"
    black = torch.zeros(1, 3, SIDE, SIDE)
    torch.testing.assert_close(engine.read(0, black), model.members[0].cnn(black), rtol=0, atol=0)
    assert engine.refused == ("Fake gave values that are no finite numbers; torch fp32 is used",)


def test_weights_that_are_no_numbers_are_refused_in_one_line():
    model = lively_model()
    model.members[0].cnn.fc.weight[0, 0] = float("inf")
    with pytest.raises(CannotPredict, match=r"^toy: weights fc\.weight of member 0 hold values that are no finite"):
        engine_for(model, "torch fp32")


def test_finite_weights_whose_results_are_not_are_refused_in_one_line():
    model = lively_model()
    model.members[0].cnn.fc.weight.fill_(3e38)
    engine = engine_for(model, "torch fp32")
    with pytest.raises(CannotPredict, match="result is not a number"):
        engine.read(0, noise())
    with pytest.raises(CannotPredict, match="on sample slices are no finite numbers"):
        engine_for(model, samples=SAMPLES, runtimes=[fake(), REFERENCE])


def test_pictures_that_are_no_numbers_are_refused_and_cost_no_engine():
    engine = engine_for(lively_model(), samples=SAMPLES, runtimes=[fake(), REFERENCE])
    broken = noise()
    broken[1, 0, 3, 3] = float("nan")
    with pytest.raises(CannotPredict, match="A slice holds values that are no finite numbers"):
        engine.read(0, broken)
    assert engine.name == "fake"


def test_pictures_of_another_side_are_the_programmers_mistake_and_cost_no_engine():
    engine = engine_for(lively_model(), samples=SAMPLES, runtimes=[fake(), REFERENCE])
    with pytest.raises(ValueError, match=r"pictures are \(3, 64, 64\), must be \(3, 32, 32\)"):
        engine.read(0, noise(side=64))
    assert engine.name == "fake"


def test_what_is_not_installed_is_passed_over_but_said_when_it_was_chosen():
    absent = replace(fake(), modules=("no_such_package",))
    auto = engine_for(lively_model(), samples=SAMPLES, runtimes=[absent, REFERENCE])
    assert (auto.name, auto.refused) == ("torch fp32", ())
    assert auto.why == "torch fp32, nothing faster is installed here"
    chosen = engine_for(lively_model(), "fake", SAMPLES, runtimes=[absent, REFERENCE])
    assert chosen.refused == ("Fake is not installed here (packages no_such_package); torch fp32 is used",)


def test_a_chosen_engine_that_strays_is_not_used_and_neither_is_another_fast_one():
    runtimes = [fake("first"), fake("second", reader=shifted(5.0)), REFERENCE]
    assert engine_for(lively_model(), "second", SAMPLES, runtimes=runtimes).name == "torch fp32"


def test_torch_fp32_by_choice_is_the_network_itself_and_needs_no_samples():
    model, x = lively_model(), noise()
    engine = engine_for(model, "torch fp32")
    torch.testing.assert_close(engine.read(0, x), model.members[0].cnn(x), rtol=0, atol=0)
    assert (engine.refused, engine.why) == ((), "torch fp32, as chosen")


def test_an_unknown_engine_is_the_programmers_mistake():
    with pytest.raises(ValueError, match="engine is 'gpu', must be auto, cuda, openvino bf16"):
        engine_for(lively_model(), "gpu")
    assert ENGINES[0] == "auto"


def test_auto_takes_the_first_that_suits():
    unsuited = replace(fake("first"), suits=lambda cnn: False)
    engine = engine_for(lively_model(), samples=SAMPLES, runtimes=[unsuited, fake("second"), fake("third"), REFERENCE])
    assert (engine.name, engine.refused) == ("second", ())


def test_integers_are_taken_only_by_name_and_tried_on_heads_that_they_were_not_fitted_to(monkeypatch):
    int8 = runtime_named("onnxruntime int8", RUNTIMES)
    need(int8)
    model, seen = lively_model(side=64), []
    assert engine_for(model, samples=noise(3, 64).numpy(), runtimes=[int8, REFERENCE]).name == "torch fp32"

    def load(cnn, info):
        read = REFERENCE.load(cnn, info)
        return lambda pictures: (seen.append(pictures), read(pictures))[1]

    engine = engine_for(model, int8.name, runtimes=[replace(int8, load=load), REFERENCE])
    assert engine.name == int8.name
    fitted_to, tried_on = calibration_pictures(model.info), validation_pictures(model.info)
    assert (len(fitted_to), len(tried_on)) == (32, 64)
    assert torch.equal(seen[0], torch.from_numpy(tried_on))
    assert not {one.tobytes() for one in fitted_to} & {one.tobytes() for one in tried_on}


def test_integers_that_stray_are_refused_though_they_were_asked_for():
    need(runtime_named("onnxruntime int8", RUNTIMES))
    engine = engine_for(
        lively_model("lite0", side=64), "onnxruntime int8"
    )  # random weights amplify what rounding leaves
    assert engine.name == "torch fp32"
    assert re.match(r"ONNX Runtime int8 strays by 0\.\d+ in probability \(limit 0\.05\); torch", engine.refused[0])


def test_torchs_slow_bf16_is_not_tried_for_depthwise_convolutions():
    bf16 = runtime_named("torch bf16", RUNTIMES)
    assert not bf16.suits(lively_model("lite0").members[0].cnn)
    if "bf16" not in " ".join(name for name, has in torch.cpu.get_capabilities().items() if has):
        pytest.skip("this processor has no bf16")
    assert bf16.suits(lively_model("tiny").members[0].cnn)


def test_threads_that_read_at_once_get_their_own_pictures():
    need(runtime_named("openvino fp32", RUNTIMES))
    model = lively_model()
    engine = engine_for(model, "openvino fp32", SAMPLES)
    expected = [model.members[0].cnn(noise(seed=seed)).logits for seed in range(4)]
    read: dict[int, list[torch.Tensor]] = {seed: [] for seed in range(4)}

    def work(seed):
        for _ in range(10):
            read[seed].append(engine.read(0, noise(seed=seed)).logits)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in read]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for seed, logits in read.items():
        assert len(logits) == 10
        for one in logits:
            torch.testing.assert_close(one, expected[seed], rtol=1e-4, atol=1e-4)


def test_beside_threads_of_another_runtime_torch_works_on_one_and_gets_its_own_back():
    threads = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        model = lively_model()
        runtimes = [fake("first", own_threads=True), fake("second"), REFERENCE]
        for name, inside in (("first", 1), ("second", 3), ("torch fp32", 3)):
            engine = engine_for(model, name, SAMPLES, runtimes=runtimes)
            with engine.torch_beside():
                assert torch.get_num_threads() == inside
            assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(threads)
