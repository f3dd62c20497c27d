"""Engines that need not prove themselves twice."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from ihd_core.engines import engine as engine_module
from ihd_core.engines import memory as memory_module
from ihd_core.engines.memory import remembered_engine
from tests.ihd_core.toy import toy_model


@pytest.fixture
def memory(tmp_path):
    return tmp_path / "kept" / "engines.json"


@pytest.fixture
def tried(monkeypatch):
    """How often an engine was tried."""
    seen = []
    original = engine_module.Engine._tried

    def counting(self, readers, samples):
        seen.append(len(readers))
        return original(self, readers, samples)

    monkeypatch.setattr(engine_module.Engine, "_tried", counting)
    return seen


def test_an_engine_proves_itself_once_for_a_model(memory, tried):
    first = remembered_engine(toy_model(), "onnxruntime fp32", memory=memory)
    again = remembered_engine(toy_model(), "onnxruntime fp32", memory=memory)
    assert len(tried) == 1
    assert (again.name, again.why) == (first.name, first.why)
    assert again.name == "onnxruntime fp32"


def test_another_model_proves_it_anew(memory, tried):
    remembered_engine(toy_model(), "onnxruntime fp32", memory=memory)
    model = toy_model()
    other = replace(model, info=replace(model.info, sha256="e" * 64))
    remembered_engine(other, "onnxruntime fp32", memory=memory)
    assert len(tried) == 2


def test_another_version_or_processor_proves_it_anew(memory, tried, monkeypatch):
    remembered_engine(toy_model(), "onnxruntime fp32", memory=memory)
    monkeypatch.setattr(memory_module, "_processor", lambda: "another")
    remembered_engine(toy_model(), "onnxruntime fp32", memory=memory)
    monkeypatch.setattr(memory_module, "_PACKAGES", ("torch",))
    remembered_engine(toy_model(), "onnxruntime fp32", memory=memory)
    assert len(tried) == 3


def test_what_strayed_is_refused_without_being_loaded(memory, tried):
    remembered_engine(toy_model(), "onnxruntime fp32", memory=memory)
    kept = json.loads(memory.read_text(encoding="utf-8"))
    for known in kept.values():
        known["onnxruntime fp32"] = [0.4, 0.0]
    memory.write_text(json.dumps(kept), encoding="utf-8")
    engine = remembered_engine(toy_model(), "onnxruntime fp32", memory=memory)
    assert engine.name == "torch fp32"
    assert "strays by 0.4 in probability" in engine.refused[0]
    assert len(tried) == 1


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"a": 3}', '{"a": {"onnxruntime fp32": [1]}}', '{"a": {"x": [NaN, 0]}}', "\x00"]
)
def test_a_damaged_memory_costs_time_and_nothing_else(memory, tried, content):
    memory.parent.mkdir()
    memory.write_text(content, encoding="utf-8")
    assert remembered_engine(toy_model(), "onnxruntime fp32", memory=memory).name == "onnxruntime fp32"
    assert len(tried) == 1
    assert remembered_engine(toy_model(), "onnxruntime fp32", memory=memory).name == "onnxruntime fp32"
    assert len(tried) == 1


def test_a_memory_that_cannot_be_written_costs_time_and_nothing_else(tmp_path, tried):
    (tmp_path / "file").write_text("", encoding="utf-8")
    for _ in range(2):
        engine = remembered_engine(toy_model(), "onnxruntime fp32", memory=tmp_path / "file" / "engines.json")
        assert engine.name == "onnxruntime fp32"
    assert len(tried) == 2
