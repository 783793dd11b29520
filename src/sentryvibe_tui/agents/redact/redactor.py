"""What is looked for in one build, and how often it was there."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from hashlib import blake2s

from msgspec import Raw

from ...model.carried import carried
from ...model.events import BuildEvent
from ...model.facts import Noticed
from ...wire.json import plain, raw
from .growing import settled_end, window
from .hidden import JSON_SIGNS, bare, bare_places
from .hidden import SIGNS as HIDDEN_SIGNS
from .rule import AnyRule, Rule, own_rule
from .rules import REDACTION_RULES
from .signs import Occurrence, Occurrences, occurrences
from .structured import Structured

_SIGNED: dict[str, list[int]] = {}
for _number, _rule in enumerate(REDACTION_RULES):
    for _sign in _rule.signs:
        _SIGNED.setdefault(_sign, []).append(_number)
_RULES_OF = (*_SIGNED.values(), *([] for _ in (*HIDDEN_SIGNS, *JSON_SIGNS)))
_FIRST_HIDDEN = len(_SIGNED)
_FIRST_OF_JSON = _FIRST_HIDDEN + len(HIDDEN_SIGNS)
ALL_SIGNS = (*(sign.encode() for sign in _SIGNED), *HIDDEN_SIGNS, *JSON_SIGNS)
_FIND = occurrences(ALL_SIGNS)

_MASK = re.compile(r"<redacted [^>]*>")
_IDENTITIES = 1024
"""Ids that are remembered: each is met several times."""


class Redactor:
    """`patterns`: own regular expressions; a group 1 is kept. `find`: all signs of a text (`signs.occurrences`).
    Raises ValueError for a pattern that is of no use."""

    def __init__(self, patterns: Sequence[str] = (), find: Occurrences = _FIND) -> None:
        self._find = find
        self.counts: Counter[str] = Counter()
        self._own = tuple(own_rule(pattern) for pattern in patterns)
        self._announced = 0
        self._identities: dict[str, str] = {}

    def copy(self) -> Redactor:
        """For another build: the same patterns, and nothing counted."""
        fresh = Redactor(find=self._find)
        fresh._own = self._own
        return fresh

    def text(self, text: str) -> str:
        """`text` with each secret as `<redacted kind>`; so is one that unseen characters cut, and they go with it."""
        encoded = _utf8(text)
        occurrences = self._find(encoded)
        if not occurrences:
            return self._by_own(text)
        if not any(_FIRST_HIDDEN <= sign < _FIRST_OF_JSON for sign, _, _ in occurrences):
            return self._at(occurrences, encoded, text)
        visible = bare(text)
        encoded = _utf8(visible)
        masked = self._at(self._find(encoded), encoded, visible)
        return text if masked == visible else masked

    def _at(self, occurrences: Sequence[Occurrence], encoded: bytes, text: str) -> str:
        """By the rules whose signs were found, and where they were while nothing has moved."""
        result, places = text, _places(occurrences)
        for number in sorted(places):
            rule = REDACTION_RULES[number]
            if rule.is_at_sign and result == text:
                result = rule.masked_at(_characters(sorted(places[number]), encoded, text), text, self.counts)
            else:
                result = rule.replacement(result, self.counts)
        return self._by_own(result)

    def _by_own(self, text: str) -> str:
        for rule in self._own:
            text = rule.redact(text, self.counts)
        return text

    def grown(self, text: str) -> tuple[str, str]:
        """What can be told of a text that grows, masked, and what waits: it may be half a secret."""
        end = self._settled(text)
        return self.text(text[:end]), text[end:]

    def _settled(self, text: str) -> int:
        """As the text looks: what is unseen counts for nothing."""
        rules, is_hiding = self._possible(_utf8(text[window(text) :]))
        if not is_hiding:
            return settled_end(text, rules)
        shown, places = bare_places(text)
        return places[settled_end(shown, self._possible(_utf8(shown[window(shown) :]))[0])]

    def suspects(self, text: str) -> bool:
        """Whether a text has anything in it that a secret has."""
        rules, is_hiding = self._possible(_utf8(text))
        return bool(rules) or is_hiding

    def _possible(self, data: bytes) -> tuple[tuple[AnyRule, ...], bool]:
        """Rules that may find something, in the order of the table; own ones always; whether something is unseen."""
        found = self._find(data)
        rules = (REDACTION_RULES[number] for number in sorted(_places(found)))
        return (*rules, *self._own), any(sign >= _FIRST_HIDDEN for sign, _, _ in found)

    def event(self, event: BuildEvent) -> BuildEvent:
        """`event` with its texts, names, ids and values masked."""
        return carried(event, text=self.text, label=self._label, ident=self.identity, value=self._raw)

    def identity(self, name: str) -> str:
        """An id without secrets: what was one id stays one, and of two none becomes the other.

        Not counted: an id repeats what stands elsewhere.
        """
        known = self._identities.get(name) if name else ""
        if known is not None:
            return known
        result = self.copy().text(name)
        if result != name:
            result = f"{result}~{blake2s(_utf8(name), digest_size=4).hexdigest()}"
        if len(self._identities) >= _IDENTITIES:
            self._identities.clear()
        self._identities[name] = result
        return result

    def _label(self, text: str) -> str:
        """Not counted: it repeats what stands elsewhere. One that was cut may end in half a secret, which no longer
        looks like one."""
        result = self.copy().text(text)
        if not result.endswith("…"):
            return result
        end = self._settled(result.removesuffix("…"))
        return f"{result[:end]}…" if self._is_half(_MASK.sub("", result[end:-1])) else result

    def _is_half(self, text: str) -> bool:
        """The beginning of a shape, or a name with the beginning of its value."""
        rules, _ = self._possible(_utf8(text))
        has_value = re.search(r"[=:\s]\S", text) is not None
        return any(isinstance(rule, Rule) and (has_value or not rule.is_spaced) for rule in rules)

    def _raw(self, value: Raw) -> Raw:
        """Strings are masked decoded: an escape like `\\n` before a secret would hide where it begins."""
        if not self._own and not self._find(bytes(value)):
            return value
        before = self.counts.total()
        masked = Structured(self.text, self.counts).redact(plain(value))
        return raw(masked) if self.counts.total() > before else value

    def news(self) -> Noticed | None:
        """What was masked so far; None when nothing was since that was told."""
        total = self.counts.total()
        if total == self._announced:
            return None
        self._announced = total
        kinds = ", ".join(f"{kind} ×{count}" for kind, count in self.counts.most_common())
        return Noticed(f"masked {total} secret{'s' if total > 1 else ''}: {kinds}")


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _places(occurrences: Iterable[Occurrence]) -> dict[int, set[int]]:
    """Where the signs of each rule are, by its number."""
    places: dict[int, set[int]] = {}
    for sign, start, _ in occurrences:
        for number in _RULES_OF[sign]:
            places.setdefault(number, set()).add(start)
    return places


def _characters(places: Iterable[int], encoded: bytes, text: str) -> Iterable[int]:
    """Places in the text, of places in its bytes."""
    if len(encoded) == len(text):
        yield from places
        return
    at = count = 0
    for place in places:
        count += len(encoded[at:place].decode("utf-8", "surrogatepass"))
        at = place
        yield count
