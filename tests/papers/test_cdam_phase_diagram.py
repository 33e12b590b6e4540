"""The phase diagram: order parameters against the full network, tiles that survive, rules, and theory."""

import numpy as np
import pytest
import xarray as xr

from assocmem.papers.base import Run
from assocmem.papers.cdam import phase_diagram, phase_tiles
from assocmem.papers.cdam.phase_diagram import PHASES, classify, first_crossing
from assocmem.papers.cdam.phase_tiles import ORDER_PARAMETERS, Setup, order_parameters, published
from assocmem.papers.record import save_dataset
from assocmem.retrieval import retrieve
from assocmem.simulate import DivergedError

TILE = 3
NAMES = list(ORDER_PARAMETERS)


def toy(auto=(-0.5, 0.5, 1.0), hetero=(0.0, 0.5, 1.5), *, tile_points=TILE, n_networks=1, **changes):
    diagram = published(auto, hetero, Run(seed=1), n_networks=n_networks, tile_points=tile_points)
    return phase_tiles.Diagram(**{**vars(diagram), "steps": 30} | changes)


@pytest.fixture(scope="module")
def found():
    return order_parameters(toy(n_networks=2), Run())


def test_order_parameters_are_those_of_all_units(found):
    diagram = toy()
    setup = Setup.of(diagram, diagram.seeds[0])
    settings = {"steps": diagram.steps, "eta": diagram.eta, "every": None, "engine": "full", "threads": 1}
    cues = np.arange(30)
    for auto, hetero in diagram.points:
        run = retrieve(setup.model, setup.cues, strengths=np.array([auto, hetero]), **settings)
        r, k = run.correlation.to_numpy()[:, 0], run.attractor_correlation.to_numpy()
        ours = found.sel(auto_strength=auto, hetero_strength=hetero).isel(network=0)
        expected = {
            "cue_correlation": np.mean([r[c, c] for c in cues]),
            "neighbour_correlation": np.mean([r[c, (c + 1) % 30] + r[c, c - 1] for c in cues]) / 2,
            "own_winner": np.mean(r.argmax(axis=1) == cues),
            "attractor_correlation": (k.sum() - np.trace(k)) / (30 * 29),
            "neighbour_attractors": np.mean([k[c, c - 1] for c in cues]),
            "participation_ratio": np.trace(k) ** 2 / (k**2).sum(),
            "mean_activity": run.mean_activity.mean(),
            "std_activity": run.std_activity.mean(),
        }
        for name, value in expected.items():
            # 30 updates of two engines whose sums run in different orders; nothing is chaotic here
            assert float(ours[name]) == pytest.approx(float(value), rel=1e-10, abs=1e-10), (name, auto, hetero)


def test_networks_differ_and_all_parameters_are_labelled(found):
    assert list(found.data_vars) == NAMES
    assert dict(found.sizes) == {"network": 2, "auto_strength": 3, "hetero_strength": 3}
    assert (found.cue_correlation[0] != found.cue_correlation[1]).all()
    assert all(v.attrs["units"] == "1" and v.attrs["long_name"] for v in found.data_vars.values())


def test_tiles_and_threads_change_no_bit(found):
    again = order_parameters(toy(n_networks=2, tile_points=4), Run(threads=2))
    xr.testing.assert_identical(again, found)


def test_two_copies_approach_each_other_at_the_rate_of_the_leak():
    """(1, 0) has a one-hot softmax from the start, so copies differ by (1 - eta)^t times the difference of cues."""
    diagram = toy((1.0,), (0.0,), steps=3)
    setup = Setup.of(diagram, diagram.seeds[0])
    (values,) = setup.order_parameters(diagram.points)
    run = retrieve(setup.model, setup.cues, steps=3, every=1, engine="full", threads=1)
    mean, std = run.mean_activity.to_numpy()[:, -1], run.std_activity.to_numpy()[:, -1]
    chosen = list(diagram.pair_cues)
    size = np.sqrt(diagram.n_units * (mean**2 + std**2))[chosen]
    expected = phase_tiles.PERTURBATION * 0.9**3 * np.linalg.norm(setup.cues[chosen], axis=1) / size
    # a difference of 1e-10 of numbers of order 1 has six digits
    assert values[NAMES.index("log_distance")] == pytest.approx(np.log10(expected).mean(), abs=1e-5)
    assert values[NAMES.index("chaotic_share")] == 0.0


def test_copies_part_where_the_state_is_chaotic_and_winners_run_where_it_travels():
    diagram = toy((-2.6, -2.0), (3.0, 3.6), steps=100)
    values = order_parameters(diagram, Run()).isel(network=0)
    chaotic = values.sel(auto_strength=-2.0, hetero_strength=3.0)
    travelling = values.sel(auto_strength=-2.6, hetero_strength=3.6)
    assert float(chaotic.chaotic_share) > 0.5
    assert float(travelling.travelling_share) > 0.5
    assert float(travelling.last_change) > 0.099  # the whole softmax is on another pattern: eta
    assert float(chaotic.travelling_share) < 0.5


def test_an_interrupted_run_goes_on_where_it_was(tmp_path, monkeypatch):
    diagram, run = toy(n_networks=2), Run(cache=tmp_path)
    whole, compute, done = order_parameters(diagram, Run()), Setup.order_parameters, []

    def failing(setup, strengths):
        if len(done) == 4:
            raise DivergedError("stop", trajectory=0, time=0.0, parameters={})
        done.append(strengths)
        return compute(setup, strengths)

    monkeypatch.setattr(Setup, "order_parameters", failing)
    with pytest.raises(DivergedError, match="stop"):
        order_parameters(diagram, run)
    assert len(list(tmp_path.rglob("*.npy"))) == 4

    def counting(setup, strengths):
        done.append(strengths)
        return compute(setup, strengths)

    monkeypatch.setattr(Setup, "order_parameters", counting)
    xr.testing.assert_identical(order_parameters(diagram, run), whole)
    assert len(done) == len(diagram.tiles) == 6  # four before and two after: none twice
    monkeypatch.setattr(Setup, "order_parameters", None)  # would fail if it were called
    xr.testing.assert_identical(order_parameters(diagram, run), whole)


@pytest.mark.parametrize(
    "change", ["auto_strengths", "seeds", "beta", "eta", "steps", "pair_cues", "tile_points", "version", "sources"]
)
def test_a_kept_tile_answers_no_other_question(monkeypatch, change):
    key, changes = toy().key, {}
    if change == "version":
        monkeypatch.setattr(phase_tiles, "package_version", lambda: "other")
    elif change == "sources":
        monkeypatch.setattr(phase_tiles, "_source_hash", lambda: "other")
    else:
        value = getattr(toy(), change)
        changes = {change: (*value, 7) if isinstance(value, tuple) else value + 1}
    assert toy(**changes).key != key
    assert toy().key == key or change in ("version", "sources")


def test_a_file_that_is_no_tile_is_refused(tmp_path):
    diagram, run = toy(), Run(cache=tmp_path)
    order_parameters(diagram, run)
    np.save(next(tmp_path.rglob("0-0.npy")), np.zeros(3))
    with pytest.raises(ValueError, match=r"0-0.npy must hold an array of shape \(3, \d+\), got \(3,\)"):
        order_parameters(diagram, run)


NOTHING = dict.fromkeys(NAMES, 0.0)


@pytest.mark.parametrize(
    ("phase", "values"),
    [
        ("auto", {"own_winner": 1.0, "cue_correlation": 0.98, "neighbour_correlation": -0.03}),
        ("narrow", {"own_winner": 0.8, "cue_correlation": 0.8, "neighbour_correlation": 0.37}),
        ("wide", {"own_winner": 0.4, "cue_correlation": 0.4, "neighbour_attractors": 0.8}),
        ("other", {"own_winner": 0.4, "cue_correlation": 0.05, "neighbour_attractors": 0.8}),
        ("other", {"own_winner": 0.4, "cue_correlation": 0.4, "neighbour_attractors": 0.4}),
        ("chaotic", {"own_winner": 1.0, "chaotic_share": 0.6}),
        ("quiescent", {"attractor_correlation": 0.95, "chaotic_share": 1.0}),
        ("travelling", {"attractor_correlation": 0.95, "chaotic_share": 1.0, "travelling_share": 0.6}),
        ("other", {}),
    ],
)
def test_the_rules_name_the_phase(phase, values):
    order = xr.Dataset({name: ("place", [value]) for name, value in (NOTHING | values).items()})
    number = classify(order)
    assert PHASES[int(number[0])] == phase
    assert number.attrs["flag_meanings"].split() == list(PHASES)


def wave_goes_on(auto, hetero, eta=0.1, n=60):
    """Whether a winner that was led round a ring goes on by itself: p coefficients, one-hot softmax."""
    c = np.zeros(n)
    for step in range(3 * n):
        winner = step % n if step < 2 * n else int(np.argmax(c))
        if winner != step % n:
            return False
        c *= 1.0 - eta
        c[winner] += eta * auto
        c[winner - 1] += eta * hetero / 2
        c[(winner + 1) % n] += eta * hetero / 2
    return True


@pytest.mark.parametrize("hetero", [0.5, 1.5, 3.6])
def test_waves_travel_below_their_boundary_and_not_above(hetero):
    lines = phase_diagram.boundaries(np.array([hetero]))
    border = float(lines.boundary_auto.sel(boundary="travelling")[0])
    # a ring of 60 has forgotten the last round: 0.9^60 = 0.002 of the differences that decide
    assert wave_goes_on(border - 0.01 * hetero, hetero)
    assert not wave_goes_on(border + 0.01 * hetero, hetero)


def test_pairs_chatter_from_where_their_slowest_step_is_too_long():
    """s = (1/2, 1/2): the difference has the eigenvalue beta g (a - h / 2) / 2, and the map endures 1 - 2 / eta."""
    ratios, edge = phase_diagram.chattering_edge()
    pairs = (ratios > 0.01) & (ratios < 0.45)
    expected = 2.0 * (2.0 / 0.1 - 1.0) / (1000.0 / 12.0 * (0.5 - ratios))
    np.testing.assert_allclose(edge[pairs], expected[pairs], rtol=1e-9)  # eigenvalues in double precision
    assert np.isnan(edge[ratios < -0.97]).all()  # no cluster short of the ring


def test_boundaries_of_quiescence_are_those_of_the_ring():
    lines = phase_diagram.boundaries(np.array([1.0])).boundary_auto.isel(line_hetero=0)
    unit = 30 * 12 / 1000
    assert float(lines.sel(boundary="quiescence")) == pytest.approx(unit - np.cos(2 * np.pi / 30), abs=1e-12)
    assert float(lines.sel(boundary="oscillation")) == pytest.approx(-19 * unit + 1.0, abs=1e-12)
    assert float(lines.sel(boundary="retrieval")) == 0.5


def test_the_first_crossing_comes_from_above():
    places = np.array([0.0, 1.0, 2.0, 3.0])
    assert first_crossing(places, np.array([0.0, 1.0, 0.0, 1.0]), 0.5) == 2.5
    assert first_crossing(places[::-1], np.array([1.0, 1.0, 0.0, 0.0]), 0.25) == 1.75 - 0.5
    assert np.isnan(first_crossing(places, np.ones(4), 0.5))


def test_the_experiment_runs_draws_and_claims(tmp_path):
    experiment = phase_diagram.EXPERIMENT
    dataset = experiment.run(Run(cache=tmp_path))
    assert PHASES[int(dataset.phase.sel(auto_strength=2.0, hetero_strength=-1.0, method="nearest"))] == "auto"
    assert PHASES[int(dataset.phase.sel(auto_strength=-3.0, hetero_strength=0.0, method="nearest"))] == "quiescent"
    save_dataset(dataset, tmp_path / "data.nc")
    with xr.open_dataset(tmp_path / "data.nc", engine="h5netcdf") as file:
        read = file.load()
    experiment.plot(read).savefig(tmp_path / "figure.png", dpi=50)
    assert [claim.row() for claim in experiment.claims(read)] == [c.row() for c in experiment.claims(dataset)]
    assert all("units" in v.attrs for v in dataset.data_vars.values())
    assert {claim.verdict for claim in experiment.claims(read)[:4]} == {"reproduced"}
