"""An alert is one episode: raised, raised higher, acknowledged, cleared or closed, and never raised again."""

from __future__ import annotations

import pytest

from province.errors import Conflict
from province.model.schema import describe
from province.vocab import SENSORS, TYPES
from province.vocab.alert import OPEN, WORKFLOW, Alert
from province.vocab.sensing import LIFECYCLE


def test_workflow_is_sound_and_an_episode_that_is_over_stays_over() -> None:
    assert list(WORKFLOW.problems()) == []
    assert {s for s in WORKFLOW.states if s not in WORKFLOW.final} == set(OPEN)
    for source in ("cleared", "closed"):
        for target in OPEN:
            with pytest.raises(Conflict):
                WORKFLOW.edge(source, target)


def test_alert_words_are_those_of_cap() -> None:
    fields = describe(Alert).fields
    assert fields["severity"].field.values == ("Extreme", "Severe", "Moderate", "Minor", "Unknown")
    assert fields["certainty"].field.values[0] == "Observed"
    assert fields["urgency"].field.values[0] == "Immediate"
    assert not describe(Alert).info.public


@pytest.mark.parametrize("record", SENSORS, ids=lambda t: t.__name__)
def test_every_shared_sensor_has_a_registry_entry_a_lifecycle_and_something_to_measure(record: type) -> None:
    kind = describe(record)
    assert kind.info.workflow is LIFECYCLE
    assert record in TYPES
    own = [s for s in kind.observed if s.name not in ("batteryLevel", "rssi")]
    assert own
