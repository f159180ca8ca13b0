"""What the words of the command line leave to choose."""

from __future__ import annotations

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from simplicity_sweep.config import ConfigError
from simplicity_sweep.search.space import Space


def space(*words: str) -> Space:
    return Space.of(OverridesParser.create().parse_overrides(list(words)))


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("x=relu,tanh", CategoricalDistribution(["relu", "tanh"])),
        ("x=1,2.5,true,null", CategoricalDistribution(["1", "2.5", "True", "null"])),
        ("x=shuffle(range(3))", CategoricalDistribution(["0", "1", "2"])),
        ("x=[64],[32,32]", CategoricalDistribution(["[64]", "[32,32]"])),
        ("x=range(1,5)", IntDistribution(1, 4)),  # Hydra's range ends before its stop
        ("x=range(1,8,step=3)", IntDistribution(1, 7, step=3)),
        ("x=range(8,0,step=-2)", IntDistribution(2, 8, step=2)),
        ("x=range(0,1,0.25)", FloatDistribution(0, 0.75, step=0.25)),
        ("x=range(0.1,1,0.1)", FloatDistribution(0.1, 0.9, step=0.1)),
        ("x=int(interval(1,8))", IntDistribution(1, 8)),
        ("x=interval(1,8)", FloatDistribution(1, 8)),
        ("x=tag(log,interval(1e-4,1e-1))", FloatDistribution(1e-4, 1e-1, log=True)),
        ("x=tag(log,int(interval(1,64)))", IntDistribution(1, 64, log=True)),
        ("x=tag(log,range(1,65))", IntDistribution(1, 64, log=True)),
    ],
)
def test_each_kind_of_override_is_the_distribution_of_its_name(word, expected):
    assert space(word).distributions == {"x": expected}


@pytest.mark.parametrize(
    ("word", "why"),
    [
        ("x=tag(log,interval(0,1.0))", "log"),
        ("x=tag(log,range(1.0,2.0,0.5))", "no logarithm"),
        ("x=tag(speed,interval(1,2))", "tag speed means nothing here"),
        ("x=interval(2.0,1.0)", "x=interval"),
    ],
)
def test_an_impossible_distribution_is_refused_with_its_words(word, why):
    with pytest.raises(ConfigError, match=why) as refused:
        space(word)
    assert word in str(refused.value)
    assert "Write e.g." in str(refused.value)


def test_a_search_with_nothing_to_choose_is_refused():
    with pytest.raises(ConfigError, match="no override leaves anything to choose"):
        space("x=1", "seed=1,2")


def test_a_later_override_replaces_an_earlier_one():
    assert space("x=1,2", "y=1,2", "x=3").setting({"y": "2"}) == ["y=2", "x=3"]


def test_seeds_are_replicates_of_each_setting():
    found = space("data=digits", "seed=range(2)", "x=1,2")
    assert list(found.distributions) == ["x"]
    assert found.jobs({"x": "1"}) == [["data=digits", "x=1", "seed=0"], ["data=digits", "x=1", "seed=1"]]
    with pytest.raises(ConfigError, match="seeds are no hyperparameter"):
        space("seed=interval(0,9)", "x=1,2")


def test_the_corners_hold_every_choice_and_both_ends():
    found = space("x=a,b,c", "y=int(interval(1,8))").corners()
    assert found == [{"x": "a", "y": 1}, {"x": "b", "y": 1}, {"x": "c", "y": 1}, {"x": "a", "y": 8}]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ({"x": "a", "y": "3", "z": "0.5"}, {"x": "a", "y": 3, "z": 0.5}),
        ({"x": "d", "y": "3", "z": "0.5"}, None),  # no such choice
        ({"x": "a", "y": "9", "z": "0.5"}, None),  # outside
        ({"x": "a", "y": "three", "z": "0.5"}, None),
        ({"x": "a", "y": "3"}, None),
    ],
)
def test_what_was_tried_elsewhere_is_understood_where_it_lies_in_the_space(words, expected):
    assert space("x=a,b,c", "y=int(interval(1,8))", "z=interval(0.0,1.0)").understood(words) == expected
