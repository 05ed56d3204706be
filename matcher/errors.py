"""Every error that the package raises on purpose.

    MatcherError                 something went wrong that we can explain
    |- InputError (ValueError)   the user gave something we cannot use      -> exit status 2
    |  |- MediaError             a picture or video that cannot be read
    |  |- ConfigError            a settings file or value that is not valid
    |  `- FeedError              a shop feed that cannot be understood
    |- StageError (RuntimeError) a column was read before its stage ran
    |- BundleError               weights missing, damaged or without their card
    |- BackendError (ImportError)  a backend that is not installed here
    `- CatalogError              a catalogue missing, damaged, locked or of another embedder

Each message is one or two plain lines that say what to do.
"""

from __future__ import annotations


class MatcherError(Exception):
    """Base of all errors raised on purpose; `exit_status` is what the command line returns for it."""

    exit_status = 1


class InputError(MatcherError, ValueError):
    """The user gave something that cannot be used."""

    exit_status = 2


class MediaError(InputError):
    """A picture or a video cannot be opened or decoded."""


class ConfigError(InputError):
    """A settings file has an unknown key or a value out of range."""


class FeedError(InputError):
    """A shop feed cannot be understood at all (single bad rows are reported, not raised)."""


class StageError(MatcherError, RuntimeError):
    """A column of `Garments` was read before the stage that fills it has run."""


class BundleError(MatcherError):
    """A bundle of weights is missing, damaged, or lacks its card."""

    exit_status = 2


class BackendError(MatcherError, ImportError):
    """A backend was asked for and is not installed; the message names the extra to install."""

    exit_status = 2


class CatalogError(MatcherError):
    """A catalogue is missing, damaged, locked, or was made with another embedder."""

    exit_status = 2
