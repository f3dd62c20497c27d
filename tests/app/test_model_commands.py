"""`ihd model convert` as a person calls it."""

from __future__ import annotations

import pytest
import torch

from app import cli
from ihd_core.labels import LABELS
from ihd_core.model_file import load_model, read_info
from ihd_core.networks.network import SliceCnn


@pytest.fixture
def ihd(capsys):
    """Run ihd; gives (exit status, lines of standard output, lines of standard error)."""

    def run(*arguments):
        status = cli.main([str(argument) for argument in arguments])
        written = capsys.readouterr()
        return status, written.out.splitlines(), written.err.splitlines()

    return run


@pytest.fixture
def checkpoint(tmp_path):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        state = SliceCnn("tiny").state_dict()
    spare = {"base.fc.weight": torch.zeros(1000, 160)}
    renamed = {name if name.startswith("fc.") else f"base.{name}": value for name, value in state.items()}
    torch.save(renamed | spare, tmp_path / "cnn.pt")
    return tmp_path / "cnn.pt"


def test_convert_makes_a_folder_and_says_what_is_in_it(ihd, checkpoint, tmp_path):
    status, out, err = ihd("model", "convert", checkpoint, "--out", tmp_path / "mine", "--side", "64")
    assert status == 0
    assert "100%" in err[-1]
    info = read_info(tmp_path / "mine")
    assert (info.name, info.side, info.mean) == ("mine", 64, (0.1738, 0.1433, 0.1970))
    assert [line.split(maxsplit=1)[1] for line in out] == [
        str(tmp_path / "mine"),
        "tiny, 64 x 64 pixels",
        info.sha256,
        "base.fc.weight",
    ]


def test_convert_takes_what_the_checkpoint_does_not_say(ihd, checkpoint, tmp_path):
    given = ("--name", "Ward 3", "--mean", "0.485,0.456,0.406", "--deviation", "0.229,0.224,0.225", "--quiet")
    order = "any,sdh,Epidural,SAH,intraventricular,IPH"
    call = ("model", "convert", checkpoint, "--out", tmp_path / "mine", "--side", "64", "--labels", order, *given)
    assert (ihd(*call)[0], ihd(*call)[0]) == (0, 2)
    info = read_info(tmp_path / "mine")
    assert (info.name, info.mean, info.deviation) == ("Ward 3", (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    head = torch.load(checkpoint, weights_only=True)["fc.weight"]
    ours = load_model(tmp_path / "mine").members[0].cnn.head.weight
    theirs = ["any", "subdural", "epidural", "subarachnoid", "intraventricular", "intraparenchymal"]
    for label in LABELS:
        assert torch.equal(ours[label.column], head[theirs.index(label)])


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("--labels", "any,sdh"), "must name each of the 6 labels once"),
        (("--labels", "any,sdh,edh,sah,ivh,ich"), "'ich' is not one of epidural (EDH)"),
        (("--mean", "1,2"), "must be three numbers"),
        (("--mean", "a,b,c"), "must be three numbers"),
        (("--side", "100"), "side is 100"),
        ((), "none.pt: no such file"),
    ],
)
def test_what_cannot_be_converted_is_one_line_with_status_2(ihd, checkpoint, tmp_path, given, said):
    source = checkpoint if given else tmp_path / "none.pt"
    status, out, err = ihd("model", "convert", source, "--out", tmp_path / "mine", *given)
    assert (status, out, len(err)) == (2, [], 1)
    assert said in err[0]
    assert not (tmp_path / "mine").exists()


def test_model_alone_asks_for_a_job(ihd):
    status, _, err = ihd("model")
    assert (status, len(err)) == (2, 1)
    assert "JOB" in err[0]
