"""Requirements: what is read, what is refused, and how they are typed."""

from __future__ import annotations

import pytest
import yaml
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.overrides_parser import OverridesParser

from simplicity_sweep.report.decision.requirements import GRAMMAR, Limit, SoftLimit, Wish, check_measured, parse
from simplicity_sweep.report.results import ReportError
from simplicity_sweep.tasks import TASKS
from tests.conftest import PROJECT

PRESETS = sorted((PROJECT / "conf" / "decide").glob("*.yaml"))


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("accuracy >= 0.97", Limit(metric="accuracy", side=">=", number=0.97)),
        ("accuracy ≥ 97%", Limit(metric="accuracy", side=">=", number=0.97)),
        ("  accuracy>=.97 ", Limit(metric="accuracy", side=">=", number=0.97)),
        ("test/flip_rate <= 0.4 %", Limit(metric="flip_rate", side="<=", number=0.004)),
        ("flip_rate ≤ 4e-3", Limit(metric="flip_rate", side="<=", number=0.004)),
        ("my/own_2 >= -1.5", Limit(metric="my/own_2", side=">=", number=-1.5)),
        ("loss >= −2", Limit(metric="loss", side=">=", number=-2.0)),
        ("accuracy >= best - 0.01", Limit(metric="accuracy", side=">=", number=-0.01, to_best=True)),
        ("accuracy >= best−1%", Limit(metric="accuracy", side=">=", number=-0.01, to_best=True)),
        ("flip_rate <= BEST + 0.7%", Limit(metric="flip_rate", side="<=", number=0.007, to_best=True)),
        ("accuracy >= best", Limit(metric="accuracy", side=">=", number=0.0, to_best=True)),
    ],
)
def test_a_hard_limit_is_read(text, limit):
    asked = parse([text], [])
    assert asked.require == (limit,)
    assert parse([str(limit)], []) == asked


@pytest.mark.parametrize(
    ("text", "objective"),
    [
        ("minimise flip_rate", Wish(metric="flip_rate", aim="minimise")),
        ("Minimize  test/flip_rate", Wish(metric="flip_rate", aim="minimise")),
        ("maximise lz76_path weight 2", Wish(metric="lz76_path", aim="maximise", weight=2.0)),
        ("maximize lz76_path WEIGHT 1e-1", Wish(metric="lz76_path", aim="maximise", weight=0.1)),
        ("flip_rate <= 0.4%", SoftLimit(limit=Limit(metric="flip_rate", side="<=", number=0.004))),
        (
            "accuracy >= best - 0.01 weight 3",
            SoftLimit(limit=Limit(metric="accuracy", side=">=", number=-0.01, to_best=True), weight=3.0),
        ),
    ],
)
def test_a_wish_or_soft_limit_is_read(text, objective):
    asked = parse([], [text])
    assert asked.prefer == (objective,)
    assert parse([], [str(objective)]) == asked


@pytest.mark.parametrize(
    ("require", "prefer", "message"),
    [
        (["accuracy > 0.97"], [], "decide.require.0 = 'accuracy > 0.97': can't be read."),
        (["accuracy is good"], [], "decide.require.0 = 'accuracy is good': can't be read."),
        (["accuracy >= 0,97"], [], "can't be read"),
        (["accuracy >= nan"], [], "can't be read"),
        (["accuracy >= best * 2"], [], "can't be read"),
        (["97% <= accuracy"], [], "can't be read"),
        ([""], [], "decide.require.0 = '': can't be read."),
        (["accuracy >= 1e999"], [], "a number should be finite"),
        (["accuracy >= best + 0.01"], [], "no setting is better than the best; accuracy >= best - 0.01 can be met."),
        (["flip_rate <= best - 1%"], [], "no setting is better than the best; flip_rate <= best + 0.01 can be met."),
        (["minimise flip_rate"], [], "a wish, not a hard limit: state it in decide.prefer."),
        (["accuracy >= 0.97 weight 2"], [], "a hard limit has no weight"),
        (["accuracy >= 0.97 weight 1"], [], "a hard limit has no weight"),
        ([], ["minimise"], "decide.prefer.0 = 'minimise': can't be read."),
        ([], ["prefer flip_rate"], "can't be read"),
        ([], ["minimise flip_rate weight 0"], "a weight should be a number above 0, not 0"),
        ([], ["minimise flip_rate weight -1"], "a weight should be a number above 0, not -1"),
        ([], ["minimise flip_rate weight much"], "a weight should be a number above 0, not much"),
        (
            [],
            ["minimise loss", "maximise loss"],
            "holds `minimise loss` and `maximise loss`: state one wish for `loss`",
        ),
        ([], ["minimise loss", "minimise loss weight 2"], "state one wish for `loss`"),
        ([], [], "both empty: nothing is asked for"),
        ("accuracy >= 0.97", [], "decide.require = 'accuracy >= 0.97': should be a list of texts."),
        ([], None, "decide.prefer = None: should be a list of texts."),
        ([0.97], [], "decide.require = [0.97]: should be a list of texts."),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_key_and_the_grammar(require, prefer, message):
    with pytest.raises(ReportError) as caught:
        parse(require, prefer)
    assert message in str(caught.value)
    assert str(caught.value).endswith(GRAMMAR)


def test_every_text_that_cannot_be_read_is_named_at_once():
    with pytest.raises(ReportError, match=r"(?s)decide\.require\.1 = .*decide\.prefer\.0 = ") as caught:
        parse(["accuracy >= 0.97", "what?"], ["why?", "minimise loss"])
    assert str(caught.value).count("can't be read") == 2


def test_an_unknown_metric_is_named_with_the_nearest_one_and_all_that_was_measured():
    asked = parse(["flips <= 0.004"], ["maximise lz76", "minimise loss"])
    with pytest.raises(ReportError) as caught:
        check_measured(asked, ["accuracy", "loss", "flip_rate", "lz76_path"])
    assert str(caught.value) == (
        "`flips <= 0.004`: `flips` is not measured; the nearest name is `flip_rate`. "
        "`maximise lz76`: `lz76` is not measured; the nearest name is `lz76_path`. "
        "Measured on the test set: accuracy, loss, flip_rate, lz76_path."
    )


def test_an_unknown_metric_is_named_where_nothing_was_measured():
    with pytest.raises(ReportError, match=r"`loss` is not measured\. Measured on the test set: nothing\."):
        check_measured(parse([], ["minimise loss"]), [])


@pytest.mark.parametrize(
    ("typed", "texts"),
    [
        ('decide.require=["accuracy >= 0.97","flip_rate <= 0.4%"]', ["accuracy >= 0.97", "flip_rate <= 0.4%"]),
        ("decide.require=['accuracy ≥ best - 1%']", ["accuracy ≥ best - 1%"]),
        (
            'decide.prefer=["minimise flip_rate weight 2","accuracy >= 0.98"]',
            ["minimise flip_rate weight 2", "accuracy >= 0.98"],
        ),
        ("decide.prefer=[minimise flip_rate weight 2,maximise loss]", ["minimise flip_rate weight 2", "maximise loss"]),
    ],
)
def test_hydra_reads_requirements_on_the_command_line_of_a_run_and_of_a_sweep(typed, texts):
    parser = OverridesParser.create()
    override = parser.parse_override(typed)
    assert not override.is_sweep_override()
    assert [str(text.text if hasattr(text, "text") else text) for text in override.value()] == texts
    [[[of_a_job]]] = BasicSweeper.split_arguments([override], None)
    again = parser.parse_override(of_a_job).value()
    assert [str(text.text if hasattr(text, "text") else text) for text in again] == texts


@pytest.mark.parametrize("task", TASKS.values(), ids=lambda task: task.name)
@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.stem)
def test_a_ready_made_rule_asks_for_what_is_measured_by_default_and_says_for_whom_it_is(preset, task):
    text = preset.read_text()
    assert text.startswith("# For ")
    rule = yaml.safe_load(text)
    assert set(rule) == {"require", "prefer"}
    of_numbers = "regression" if task.name == "forecasting" else task.name  # which is measured alike
    default = yaml.safe_load((PROJECT / "conf" / "measure" / "main" / f"{of_numbers}.yaml").read_text())["defaults"]
    measured = next(entry["/measurement@measurements"] for entry in default if isinstance(entry, dict))
    names = [*task.performance, *(name.rpartition("/")[2] for name in measured)]
    check_measured(parse(rule["require"], rule["prefer"], task.words), names)


def test_a_word_that_fits_every_task_stands_for_the_tasks_own_figure():
    asked = parse(["headline >= best - 0.1"], ["minimise change_rate"], TASKS["multilabel"].words)
    assert [str(limit) for limit in asked.require] == ["macro_f1 >= best - 0.1"]
    assert [str(objective) for objective in asked.prefer] == ["minimise label_set_change_rate"]


def test_there_is_a_rule_for_most_users_and_for_two_cases_of_the_field():
    assert [preset.stem for preset in PRESETS] == ["balanced", "fewer_false_alarms", "rare_events"]
