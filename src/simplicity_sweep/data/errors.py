"""What is raised when data cannot be had or a caller's number cannot be used."""


class DataError(Exception):
    """Data that cannot be had, or that is not what it should be; the message ends with what to do."""


def check_whole_number(name: str, value: int, least: int) -> None:
    """Return nothing where `value` is a whole number of at least `least`.

    Raises:
        DataError: it is not; the message names the argument and the value.
    """
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise DataError(
            f"Expected argument `{name}` to be a whole number of at least {least}, but got {value!r}."
        )
