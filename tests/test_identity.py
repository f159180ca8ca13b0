"""What tells one result from another."""

from __future__ import annotations

from simplicity_sweep.identity import config_hash


def test_the_hash_is_that_of_the_canonical_text() -> None:
    # printf '{"a":{"b":0.1},"seed":0}' | sha256sum | cut -c1-12
    assert config_hash({"seed": 0, "a": {"b": 0.1}}) == "44f76d1e6534"


def test_any_other_value_has_another_hash() -> None:
    assert config_hash({"seed": 0}) != config_hash({"seed": 1})
    assert config_hash({"sizes": [128, 64]}) != config_hash({"sizes": [64, 128]})
