"""Say how many of something there are."""


def amount(number: int, noun: str, nouns: str = "") -> str:
    """Return a number with its noun, such as `1 host` and `2 hosts`.

    Args:
        number: Zero or more.
        noun: For one of them.
        nouns: For any other number; empty where an s makes it.
    """
    return f"{number} {noun if number == 1 else nouns or noun + 's'}"
