import pytest
from pydantic import ValidationError

from bakeoff_core.settings import Settings


def test_settings_come_from_the_environment() -> None:
    settings = Settings.from_environment(
        {
            "BAKEOFF_EXPERIMENTS_TABLE": "experiments",
            "BAKEOFF_CONFIGURATION_MAX_AGE_SECONDS": "2.5",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
            "HOME": "/",
        }
    )
    assert (settings.experiments_table, settings.configuration_max_age_seconds, settings.memory_mb) == (
        "experiments",
        2.5,
        512,
    )


def test_settings_have_defaults() -> None:
    settings = Settings.from_environment({})
    assert (settings.experiments_table, settings.configuration_max_age_seconds) == ("", 10)
    assert (settings.prediction_sample_rate, settings.model_cache_bytes) == (0, 536_870_912)


def test_custom_algorithms_are_read_as_names_and_places() -> None:
    settings = Settings.from_environment({"BAKEOFF_CUSTOM_ALGORITHMS": "shop.groups:loyal_first, odd:last"})
    assert settings.custom_algorithms == {"loyal_first": "shop.groups:loyal_first", "last": "odd:last"}
    assert Settings.from_environment({"BAKEOFF_CUSTOM_ALGORITHMS": ""}).custom_algorithms == {}
    for wrong, message in (
        ("shop.groups", "must read module:function, got shop.groups"),
        ("a=b:c", "must read module:function, got a=b:c"),
        ("a:f,b:f", "names f twice: a:f and b:f"),
    ):
        with pytest.raises(ValidationError, match=message):
            Settings.from_environment({"BAKEOFF_CUSTOM_ALGORITHMS": wrong})


def test_a_setting_of_the_wrong_kind_stops_the_start() -> None:
    with pytest.raises(ValidationError, match="prediction_sample_rate"):
        Settings.from_environment({"BAKEOFF_PREDICTION_SAMPLE_RATE": "2"})
