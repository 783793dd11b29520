"""Masks secrets in what a reader reports, before it leaves the process. Counted by kind.

Known shapes only: a secret that looks like any other word is not found; own patterns can name it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, cast

from ahocorasick_rs import BytesAhoCorasick
from msgspec import Raw, Struct
from msgspec.structs import replace

from ..model.events import (
    AgentReported,
    BuildEnded,
    BuildEvent,
    CodexReported,
    InputNeeded,
    Noticed,
    PlanReported,
    SummaryReported,
    TextAdded,
    TodosReported,
    ToolEnded,
    ToolStarted,
)
from ..wire.json import plain, raw
from .reading import Reader, Reported


class Rule(Struct, frozen=True):
    """`group` 1 of the pattern, where there is one, is kept. `signs`: text without any of them cannot match."""

    kind: str
    signs: tuple[str, ...]
    pattern: re.Pattern[str]


def _rule(kind: str, signs: str, pattern: str) -> Rule:
    return Rule(kind, tuple(signs.split()), re.compile(pattern))


RULES: tuple[Rule, ...] = (
    _rule(
        "private-key",
        "PRIVATE",
        r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY(?: BLOCK)?-----[^-]{16,}(?:-----END[A-Z ]{0,40}-----)?",
    ),
    _rule("anthropic-key", "sk-ant-", r"sk-ant-(?<![\w-]sk-ant-)[A-Za-z0-9_-]{16,}"),
    _rule("openrouter-key", "sk-or-", r"sk-or-(?<![\w-]sk-or-)[A-Za-z0-9_-]{16,}"),
    _rule(
        "openai-key",
        "sk-",
        r"sk-(?<![\w-]sk-)(?!ant-|or-)(?:[a-z]{2,10}-)?[A-Za-z0-9_-]{0,200}[A-Za-z0-9]{20,}[A-Za-z0-9_-]*",
    ),
    _rule("github-token", "ghp_ gho_ ghu_ ghs_ ghr_", r"gh[pousr]_[A-Za-z0-9]{30,}"),
    _rule("github-token", "github_pat_", r"github_pat_[A-Za-z0-9_]{22,}"),
    _rule("gitlab-token", "glpat-", r"glpat-[A-Za-z0-9_-]{20,}"),
    _rule("aws-key-id", "AKIA ASIA", r"A(?:KIA|SIA)[A-Z0-9]{16}\b"),
    _rule("google-key", "AIza", r"AIza[A-Za-z0-9_-]{35}"),
    _rule("google-token", "ya29.", r"ya29\.[A-Za-z0-9_-]{20,}"),
    _rule("slack-token", "xox", r"xox[abeoprs]-[A-Za-z0-9-]{10,}"),
    _rule("slack-webhook", "hooks.slack.com", r"(hooks\.slack\.com/(?:services|workflows)/)[A-Za-z0-9/_-]{20,}"),
    _rule("stripe-key", "k_live_ k_test_", r"[rs]k_(?:live|test)_[A-Za-z0-9]{16,}"),
    _rule("npm-token", "npm_", r"npm_[A-Za-z0-9]{36}"),
    _rule("pypi-token", "pypi-", r"pypi-[A-Za-z0-9_-]{50,}"),
    _rule("hugging-face-token", "hf_", r"hf_[A-Za-z0-9]{30,}"),
    _rule("sendgrid-key", "SG.", r"SG\.(?<![\w-]SG\.)[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}"),
    _rule("xai-key", "xai-", r"xai-(?<![\w-]xai-)[A-Za-z0-9]{60,}"),
    _rule("groq-key", "gsk_", r"gsk_[A-Za-z0-9]{40,}"),
    _rule("perplexity-key", "pplx-", r"pplx-[A-Za-z0-9]{40,}"),
    _rule("replicate-token", "r8_", r"r8_(?<![\w-]r8_)[A-Za-z0-9]{37,}"),
    _rule("tavily-key", "tvly-", r"tvly-[A-Za-z0-9-]{20,}"),
    _rule("langsmith-key", "lsv2_", r"lsv2_(?:pt|sk)_[a-f0-9]{32}_[a-f0-9]{10}"),
    _rule("vault-token", "hvs. hvb.", r"hv[sb]\.[A-Za-z0-9_-]{24,}"),
    _rule("digitalocean-token", "dop_v1_ doo_v1_ dor_v1_", r"do[por]_v1_[a-f0-9]{64}"),
    _rule("databricks-token", "dapi", r"dapi(?<!\wdapi)[a-f0-9]{32}"),
    _rule("docker-token", "dckr_pat_", r"dckr_pat_[A-Za-z0-9_-]{20,}"),
    _rule("shopify-token", "shpat_ shpca_ shppa_ shpss_", r"shp(?:at|ca|pa|ss)_[A-Fa-f0-9]{32}"),
    _rule("stripe-key", "whsec_", r"whsec_[A-Za-z0-9+/=]{24,}"),
    _rule("atlassian-token", "ATATT3", r"ATATT3[A-Za-z0-9_=-]{60,}"),
    _rule("linear-key", "lin_api_", r"lin_api_[A-Za-z0-9]{32,}"),
    _rule("notion-token", "ntn_", r"ntn_[A-Za-z0-9]{40,}"),
    _rule("sentry-token", "sntrys_ sntryu_", r"sntry[su]_[A-Za-z0-9+/=_-]{40,}"),
    _rule("grafana-token", "glsa_ glc_", r"gl(?:sa|c)_[A-Za-z0-9_+/=-]{32,}"),
    _rule("supabase-key", "sbp_ sb_secret_", r"sb(?:p|_secret)_[A-Za-z0-9_]{30,}"),
    _rule("postman-key", "PMAK-", r"PMAK-[a-f0-9]{24}-[a-f0-9]{34}"),
    _rule("new-relic-key", "NRAK-", r"NRAK-[A-Z0-9]{27}"),
    _rule("pulumi-token", "pul-", r"pul-(?<![\w-]pul-)[a-f0-9]{40}"),
    _rule("rubygems-key", "rubygems_", r"rubygems_[a-f0-9]{48}"),
    _rule("age-key", "AGE-SECRET-KEY-1", r"AGE-SECRET-KEY-1[A-Z0-9]{58}"),
    _rule("azure-key", "AccountKey=", r"(AccountKey=)[A-Za-z0-9+/]{40,}=*"),
    _rule("telegram-token", ":AA", r"\d{8,10}:AA[A-Za-z0-9_-]{33}"),
    _rule("json-web-token", "eyJ", r"eyJ(?<![\w-]eyJ)[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}"),
    _rule("bearer-token", "earer ", r"(earer )[A-Za-z0-9._~+/-]{20,}=*"),
    _rule("url-password", "://", r"(://[^\s/:@\"'\\]{1,64}:)[^\s/:@\"'\\$<{]{3,256}(?=@)"),
    _rule(
        "assigned-secret",
        "SECRET TOKEN PASSWORD PASSWD API_KEY APIKEY ACCESS_KEY PRIVATE_KEY",
        r"((?:SECRET|TOKEN|PASSW(?:OR)?D|API_?KEY|ACCESS_KEY|PRIVATE_KEY)[A-Z0-9_]{0,40}"
        r"(?:=|: ?)(?:\\?[\"'])?)[A-Za-z0-9._~+/=!@#%^&*-]{8,}",
    ),
)  # fmt: skip

_SIGNED = tuple((sign.encode(), rule) for rule in RULES for sign in rule.signs)
_SIGNS = BytesAhoCorasick([sign for sign, _ in _SIGNED])
_HELD = 4096


class Redactor:
    """`patterns`: own regular expressions; a group 1 is kept. Raises ValueError for one that is none."""

    def __init__(self, patterns: Sequence[str] = ()) -> None:
        self.counts: Counter[str] = Counter()
        self._own = tuple(_own(pattern) for pattern in patterns)

    def anew(self) -> Redactor:
        """One of the same rules that has not counted anything, for another build."""
        return Redactor([rule.pattern.pattern for rule in self._own])

    def text(self, said: str) -> str:
        """`said` with each secret as `<redacted kind>`."""
        return self._by(self._possible(said.encode("utf-8", "surrogatepass")), said)

    def _possible(self, said: bytes) -> tuple[Rule, ...]:
        """Rules that may find something, in the order of RULES; own ones always."""
        found = {number for number, _, _ in _SIGNS.find_matches_as_indexes(said, overlapping=True)}
        signed = dict.fromkeys(_SIGNED[number][1] for number in sorted(found))
        return (*signed, *self._own) if signed else self._own

    def _by(self, rules: tuple[Rule, ...], said: str) -> str:
        for rule in rules:
            said, found = rule.pattern.subn(lambda match, rule=rule: _mask(match, rule.kind), said)
            if found:
                self.counts[rule.kind] += found
        return said

    def event(self, event: BuildEvent) -> BuildEvent:
        """`event` with its texts and values masked."""
        match event:
            case ToolStarted():
                return event if event.input is None else replace(event, input=self._raw(event.input))
            case ToolEnded():
                return event if event.output is None else replace(event, output=self._raw(event.output))
            case TextAdded() | PlanReported() | SummaryReported():
                return replace(event, text=self.text(event.text))
            case Noticed() | InputNeeded():
                return replace(event, message=self.text(event.message))
            case TodosReported():
                todos = tuple(
                    replace(todo, content=self.text(todo.content), active_form=self.text(todo.active_form))
                    for todo in event.todos
                )
                return replace(event, todos=todos)
            case AgentReported(agent):
                return replace(event, agent=replace(agent, title=self.text(agent.title), cwd=self.text(agent.cwd)))
            case CodexReported(codex):
                return replace(event, codex=self._raw(codex))
            case BuildEnded():
                return replace(event, summary=self.text(event.summary), error=self.text(event.error))
            case _:
                return event

    def _raw(self, value: Raw) -> Raw:
        """Strings are masked decoded: an escape like `\\n` before a secret would hide where it begins."""
        rules = self._possible(bytes(value))
        if not rules:
            return value
        before = self.counts.total()
        masked = self._inside(rules, plain(value))
        return raw(masked) if self.counts.total() > before else value

    def _inside(self, rules: tuple[Rule, ...], said: Any) -> Any:
        if isinstance(said, str):
            return self._by(rules, said)
        if isinstance(said, list):
            return [self._inside(rules, item) for item in cast("list[Any]", said)]
        if isinstance(said, dict):
            fields = cast("dict[str, Any]", said)
            return {self._by(rules, key): self._inside(rules, item) for key, item in fields.items()}
        return said

    def masked(self) -> Noticed | None:
        """What was masked so far; None when nothing was."""
        if not self.counts:
            return None
        kinds = ", ".join(f"{kind} ×{count}" for kind, count in self.counts.most_common())
        return Noticed(f"masked {self.counts.total()} secrets: {kinds}")


class Redacted:
    """A reader whose reports are masked. Streamed text goes on at word ends: no secret slips by in halves."""

    def __init__(self, reader: Reader, redactor: Redactor) -> None:
        self.counts = reader.counts
        self._reader = reader
        self._redactor = redactor
        self._held: Reported | None = None

    def feed(self, data: bytes) -> list[Reported]:
        reports = list(self._masked(self._reader.feed(data)))
        self.counts = self._reader.counts
        return reports

    def finish(self) -> list[Reported]:
        reports = [*self._masked(self._reader.finish()), *self._let_go()]
        masked = self._redactor.masked()
        if masked is None:
            return reports
        session = reports[-1].session if reports else ""
        ends = next((at for at, report in enumerate(reports) if isinstance(report.event, BuildEnded)), len(reports))
        return [*reports[:ends], Reported(masked, None, session), *reports[ends:]]

    def _masked(self, reports: Iterable[Reported]) -> Iterator[Reported]:
        for report in reports:
            event = report.event
            if not isinstance(event, TextAdded) or event.whole:
                yield from self._let_go()
                yield self._one(report)
            else:
                yield from self._grown(report, event)

    def _grown(self, report: Reported, event: TextAdded) -> Iterator[Reported]:
        """Passes on what ends with a word; the beginning of the next word waits for its rest."""
        held = self._held.event if self._held is not None else None
        if isinstance(held, TextAdded) and held.id == event.id:
            event = replace(event, text=held.text + event.text)
            self._held = None
        yield from self._let_go()
        cut = _word_end(event.text)
        if len(event.text) - cut > _HELD:
            cut = len(event.text)
        if cut:
            yield self._one(replace(report, event=replace(event, text=event.text[:cut])))
        if event.text[cut:]:
            self._held = replace(report, event=replace(event, text=event.text[cut:]))

    def _let_go(self) -> Iterator[Reported]:
        if self._held is not None:
            held, self._held = self._held, None
            yield self._one(held)

    def _one(self, report: Reported) -> Reported:
        event = self._redactor.event(report.event)
        return report if event is report.event else replace(report, event=event)


def _word_end(said: str) -> int:
    """Where the last word begins; a word may go on in what comes next."""
    return max((at + 1 for at in (said.rfind(" "), said.rfind("\n"), said.rfind("\t")) if at >= 0), default=0)


def _mask(match: re.Match[str], kind: str) -> str:
    kept = match[1] if match.re.groups and match[1] else ""
    return f"{kept}<redacted {kind}>"


def _own(pattern: str) -> Rule:
    try:
        return Rule("own", (), re.compile(pattern))
    except re.error as error:
        raise ValueError(f"redaction pattern {pattern!r} is no regular expression: {error}") from None
