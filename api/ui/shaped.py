"""Sentences that other rooms write and store with figures and names in them, by their shape: so they are translated."""

import re
from dataclasses import dataclass
from functools import cached_property

from api.ui.marking import _

SENTENCES_WITHIN = frozenset({"said", "why", "problem", "reason", "advice", "act", "state", "rest"})
"""Values that are words of ours and not a figure or a name: they are translated for themselves."""

_VALUE = re.compile(r"%\((\w+)\)s")
_SHORTEST = r".+?"
_READ_AS = {"detail": r".+", "reason": r".+?\.", "rest": r".*"}
"""What a platform says may hold several sentences, and a reason is a whole one; other values are as short as can be."""


@dataclass(frozen=True)
class Shape:
    """One kind of sentence; `words` is its English with a name for each value."""

    words: str

    @property
    def names(self) -> list[str]:
        """What its values are called, in their order."""
        return _VALUE.findall(self.words)

    def values_in(self, sentence: str) -> dict[str, str] | None:
        """The values of a sentence of this shape; None for any other."""
        found = self._pattern.fullmatch(sentence)
        return found.groupdict() if found else None

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        literals, names = _VALUE.split(self.words)[::2], self.names
        pattern = re.escape(literals[0].replace("%%", "%"))
        for place, name in enumerate(names):
            again = name in names[:place]
            pattern += f"(?P={name})" if again else f"(?P<{name}>{_READ_AS.get(name, _SHORTEST)})"
            pattern += re.escape(literals[place + 1].replace("%%", "%"))
        return re.compile(pattern, re.DOTALL)


# The first that fits is taken: what fits much comes last.
_WORDS = (
    # why a campaign is paused, and why a message failed, waits, or did not count
    _("%(errored)s of %(attempted)s messages met an error (%(rate)s), over the limit of %(limit)s"),
    _("The platform failed on each of %(count)s attempts."),
    _("could not ask the platform: %(said)s"),
    _("template: %(said)s"),
    _("Message 1 is %(state)s"),
    _("Message 2: %(said)s"),
    _("wrote: %(text)s"),
    # what a platform answered
    _("Wassenger answered %(status)s to %(act)s: %(detail)s. %(said)s"),
    _("Wassenger answered %(status)s to %(act)s. %(said)s"),
    _("Wassenger could not be reached for %(act)s (%(name)s). Nothing was sent; it is tried again."),
    _("Wassenger's answer to %(act)s was lost (%(name)s). %(said)s"),
    _("Wait %(seconds)s s before the next call."),
    _("The account has no device of this id. %(said)s"),
    _("The message has %(count)s characters, Wassenger takes %(limit)s. Shorten it."),
    _("The channel's credentials have no usable '%(name)s'. Save them again."),
    # files of contacts
    _("The row has %(count)s of %(width)s cells; it seems to be cut off."),
    _("The row has %(count)s cells for %(width)s columns; put cells that hold a delimiter in quotes."),
    _("The row is larger than %(size)s kB, and a cell may hold 32 kB; shorten it."),
    _("The cell is larger than %(size)s kB; shorten it."),
    _("There is no column %(name)s. Columns found: %(shown)s. %(advice)s"),
    _("The columns %(one)s and %(other)s are the same variable. %(advice)s"),
    _("The mapping names the column %(name)s more than once. Name it once."),
    _("By %(name)s the mapping may mean %(names)s. Name in it the one that you mean."),
    _("The name that the mapping gives to %(name)s needs a letter or a digit."),
    _("The first row must name the columns. %(said)s"),
    _("The first row must name the columns, each in at most %(count)s characters."),
    _("The file has %(count)s columns; at most %(limit)s are read. Remove some."),
    _("%(code)s is not a region; use a two-letter country code such as FR."),
    _("This is %(said)s, not a CSV file. %(advice)s."),
    _("The file is UTF-32, which is not read. %(advice)s."),
    _("The file looks like UTF-16 without a byte order mark. %(advice)s."),
    _("The encoding %(name)s is not known here; name one such as utf-8 or cp1252."),
    _(
        "The file is not %(name)s (a wrong byte after byte %(count)s). "
        "%(advice)s; or name its encoding, cp1252 for most Western files."
    ),
    _("The file is not %(name)s (a wrong byte after byte %(count)s). %(advice)s."),
    # messages as they are written
    _("Line %(line)s: %(problem)s"),
    _("%(problem)s. Write a variable as {{ first_name }}, without spaces in its name."),
    _("There is no filter %(name)s; there are: %(known)s."),
    _("The filter %(name)s takes no argument."),
    _(
        "%(what)s is not allowed in a message. Use {{ variables }}, the filters default, %(known)s, "
        "and {%% if %%} … {%% else %%} … {%% endif %%}."
    ),
    _(
        "The variable %(name)s has no value for this contact. Fill the column, or write a fallback: "
        "{{ %(name)s | default('…') }}."
    ),
    _("The message has %(count)s characters; at most %(limit)s are allowed. Shorten it."),
    # what the template engine says of them
    _("expected token 'end of print statement', got %(got)s"),
    _("expected token 'end of statement block', got %(got)s"),
    _("expected token %(wanted)s, got %(got)s"),
    _("Expected an expression, got %(got)s"),
    _("Encountered unknown tag %(name)s.%(rest)s"),
    _("Unexpected end of template.%(rest)s"),
    _(" Jinja was looking for the following tags: %(names)s. The innermost block that needs to be closed is %(name)s."),
    _("unexpected char %(got)s at %(count)s"),
    _("unexpected %(got)s, expected %(wanted)s"),
    _("unexpected %(got)s"),
    # what is typed into a form
    _("“%(typed)s” can be read in two ways. Write %(whole)s or %(decimal)s."),
    # why a rehearsal has no result
    _("The program `%(name)s` is missing: run `make install`."),
    # what the API refuses, and what is away
    _("The request has 1 error: %(field)s: %(said)s"),
    _("The request has %(count)s errors: %(field)s: %(said)s"),
    _("The body is larger than %(size)s MB; send less at once."),
    _("Some of these contacts have no value for %(name)s, and the messages of a scheduled campaign are fixed."),
    _(
        "The engine does not answer (%(detail)s). What was asked may be done all the same: look before you ask again. "
        "Check that Temporal and a worker run."
    ),
    _("The channel is changed, but what it holds may not have been told to go on: %(said)s Then resume the channel."),
    _("The campaign is %(state)s, not a draft."),
    _("The campaign is %(state)s; its pacing means nothing any more."),
    _(
        "The campaign is %(state)s; contacts can be added while it is a draft or scheduled. "
        "Make another campaign for them."
    ),
    _("The campaign is %(state)s; '%(order)s' is possible while it is %(states)s."),
    _("A campaign that is %(state)s cannot take '%(order)s'."),
    _("%(names)s: can be changed only while the campaign is a draft; it is %(state)s."),
    _("min_delay_seconds (%(given)s) must not be above delay_seconds (%(delay)s)"),
    _("max_delay_seconds (%(given)s) must not be below delay_seconds (%(delay)s)"),
    _("Your key lacks the scope %(names)s, so it has no say over a key that has it."),
    # a reason, and in brackets what the platform said of it
    _("%(reason)s (%(why)s)"),
)
SHAPES = tuple(Shape(words) for words in _WORDS)
