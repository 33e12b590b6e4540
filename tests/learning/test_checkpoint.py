"""Training runs that stop and go on."""

import os

import numpy as np
import pytest

from assocmem.learning import balanced_ei
from assocmem.learning.balanced_ei import train_balanced_ei
from assocmem.learning.schedules import Stage
from tests.learning.cases import patterns

STAGES = (Stage(6), Stage(8, hinge=-0.1))


def train(path, schedule=STAGES, seed=0):
    return train_balanced_ei(patterns(), n_inhibitory=8, seed=seed, schedule=schedule, checkpoint=path)


def interrupt_at(monkeypatch, count):
    record = balanced_ei.TrainingState.record

    def recording(self, evaluation):
        record(self, evaluation)
        if len(self.records["cost"]) == count:
            raise KeyboardInterrupt

    monkeypatch.setattr(balanced_ei.TrainingState, "record", recording)


def test_finished_run_is_read_back_without_training(tmp_path):
    path = tmp_path / "run.npz"
    first, again = train(path), train(path)
    np.testing.assert_array_equal(first.model.weights, again.model.weights)
    assert again.history.identical(first.history)
    assert again.message == first.message


def test_finished_run_of_the_penalty_is_read_back_without_training(tmp_path, monkeypatch):
    path = tmp_path / "run.npz"
    # far from stable after the stage and its three repetitions
    options = {"n_inhibitory": 8, "seed": 0, "storage": "penalty", "checkpoint": path}
    options["schedule"] = (Stage(2, stability=0.0, velocity=1.0),)
    first = train_balanced_ei(patterns(), **options)
    assert first.history.sizes["iteration"] == 8
    monkeypatch.setattr(balanced_ei, "minimize", None)
    again = train_balanced_ei(patterns(), **options)
    assert again.history.identical(first.history)
    assert again.message == first.message


def test_run_that_is_read_back_does_not_look_for_rates_again(tmp_path, monkeypatch):
    path = tmp_path / "run.npz"
    first = train(path)
    monkeypatch.setattr(balanced_ei, "storable_problem", None)
    np.testing.assert_array_equal(train(path).model.weights, first.model.weights)


def test_missing_folder_is_refused_before_training(tmp_path, monkeypatch):
    monkeypatch.setattr(balanced_ei._Trainer, "train", None)
    for path in (tmp_path / "missing" / "run.npz", tmp_path):
        with pytest.raises(ValueError, match="checkpoint must be a file in a folder that exists, got"):
            train(path)


def test_interruption_between_stages_is_bit_equal_after_resuming(tmp_path, monkeypatch):
    whole = train(tmp_path / "whole.npz")
    path = tmp_path / "part.npz"
    with monkeypatch.context() as patch:
        advance = interrupt_after_first(balanced_ei.TrainingState)
        patch.setattr(balanced_ei.TrainingState, "next_stage", advance)
        assert "interrupted in stage 2 of 2" in train(path).message
    np.testing.assert_array_equal(train(path).model.weights, whole.model.weights)


def interrupt_after_first(state):
    next_stage = state.next_stage

    def advance(self):
        next_stage(self)
        if self.stage == 1:
            raise KeyboardInterrupt

    return advance


def test_interruption_within_a_stage_goes_on_from_there(tmp_path, monkeypatch):
    path = tmp_path / "run.npz"
    with monkeypatch.context() as patch:
        interrupt_at(patch, 4)
        assert train(path).history.sizes["iteration"] == 4
    resumed = train(path)
    assert list(resumed.history["stage"].values) == [0] * 6 + [1] * 8
    assert resumed.history["cost"][5] < resumed.history["cost"][3]


def test_failed_write_leaves_the_old_checkpoint(tmp_path, monkeypatch):
    path = tmp_path / "run.npz"
    train(path)
    before = path.read_bytes()
    state = balanced_ei.TrainingState(np.zeros(3), np.zeros(3))

    def fail(source, target):
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        state.save(path, "other")
    assert path.read_bytes() == before


@pytest.mark.parametrize("change", [{"seed": 1}, {"schedule": (Stage(7),)}], ids=["seed", "schedule"])
def test_checkpoint_of_another_run_is_refused(tmp_path, change):
    path = tmp_path / "run.npz"
    train(path)
    with pytest.raises(ValueError, match="checkpoint must belong to a run with the same arguments"):
        train(path, **change)


def test_other_files_are_refused(tmp_path):
    path = tmp_path / "run.npz"
    path.write_text("not a checkpoint")
    with pytest.raises(ValueError, match="checkpoint must be a file written by a training run"):
        train(path)
