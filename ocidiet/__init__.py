"""ocidiet: a minimal container image as one more incremental build artifact.

Start at README.md beside this file: it names the rooms and the way through them.
"""

__version__ = "0.1.0"
__all__ = ["__version__", "main"]


def __getattr__(name):  # type: ignore[no-untyped-def]
    # Lazily, and without annotations: an old Python must get as far as the sentence in __main__.
    if name == "main":
        from ocidiet.cli import main

        return main
    raise AttributeError(f"module 'ocidiet' has no attribute {name!r}")
