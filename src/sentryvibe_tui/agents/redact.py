"""Masks secrets in what a reader reports, before it leaves the process. Counted by kind.

Known shapes only: a secret that looks like any other word is not found; own patterns can name it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, cast

from ahocorasick_rs import BytesAhoCorasick, Implementation
from msgspec import Raw, Struct
from msgspec.structs import replace

from ..model.activity import Request
from ..model.events import (
    ActivityReported,
    AgentReported,
    AutoFixReported,
    BackgroundMoved,
    BuildEnded,
    BuildEvent,
    CodexReported,
    InputNeeded,
    Noticed,
    PlanReported,
    RequestOpened,
    RequestResolved,
    SummaryReported,
    TextAdded,
    TodosReported,
    ToolEnded,
    ToolStarted,
    TurnEnded,
)
from ..wire.json import plain, raw
from .common.reader import Reader, Reported

if TYPE_CHECKING:
    import regex  # pyright: ignore[reportMissingTypeStubs]


class Rule(Struct, frozen=True):
    """`group` 1 of the pattern, where there is one, is kept. `signs`: text without any of them cannot match."""

    kind: str
    signs: tuple[str, ...]
    pattern: re.Pattern[str]

    def masked(self, said: str, counts: Counter[str]) -> str:
        """`said` without what is to be hidden; how often that was found is counted."""
        said, found = self.pattern.subn(lambda match: _mask(match, self.kind), said)
        if found:
            counts[self.kind] += found
        return said


class OwnRule(Struct, frozen=True):
    """A pattern that a user wrote: one that takes for ever must not hold up what it looks through, nor let it pass."""

    pattern: regex.Pattern[str]

    def masked(self, said: str, counts: Counter[str]) -> str:
        try:
            said, found = self.pattern.subn(lambda match: _mask(match, "own"), said, timeout=SLOW + len(said) / 1e6)
        except TimeoutError:
            counts[f"{self.pattern.pattern!r}, too slow"] += 1
            return f"<redacted: {self.pattern.pattern!r} took too long>"
        if found:
            counts["own"] += found
        return said


def _rule(kind: str, signs: str, pattern: str) -> Rule:
    return Rule(kind, tuple(signs.split()), re.compile(pattern))


def _word(start: str) -> str:
    """`start` where a word begins, as far as that can be told: before it may stand an escape like `\\n`."""
    return rf"{start}(?:(?<![\w-]{start})|(?<=\\[nrt]{start}))"


_QUOTED = (
    "password", "passwd", "api_key", "apiKey", "api-key", "client_secret", "clientSecret",
    "access_token", "accessToken", "refresh_token", "refreshToken",
)  # fmt: skip
"""Names of secrets in JSON and its kin; as names of variables they would be words like any other."""

RULES: tuple[Rule, ...] = (
    _rule(
        "private-key",
        "PRIVATE",
        r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY(?: BLOCK)?-----[^-]{16,}(?:-----END[A-Z ]{0,40}-----)?",
    ),
    _rule("anthropic-key", "sk-ant-", _word("sk-ant-") + r"[A-Za-z0-9_-]{16,}"),
    _rule("openrouter-key", "sk-or-", _word("sk-or-") + r"[A-Za-z0-9_-]{16,}"),
    _rule(
        "openai-key",
        "sk-",
        _word("sk-") + r"(?!ant-|or-)(?:[a-z]{2,10}-)?[A-Za-z0-9_-]{0,200}[A-Za-z0-9]{20,}[A-Za-z0-9_-]*",
    ),
    _rule("github-token", "ghp_ gho_ ghu_ ghs_ ghr_", r"gh[pousr]_[A-Za-z0-9]{30,}"),
    _rule("github-token", "github_pat_", r"github_pat_[A-Za-z0-9_]{22,}"),
    _rule(
        "gitlab-token",
        "glpat- glptt- gldt- glrt- glcbt- glsoat- glft- glagent- gloas- GR1348941",
        r"(?:gl(?:pat|ptt|dt|rt|cbt|soat|ft|agent|oas)-|GR1348941)[A-Za-z0-9_-]{20,}",
    ),
    _rule("aws-key-id", "AKIA ASIA", r"A(?:KIA|SIA)[A-Z0-9]{16}\b"),
    _rule(
        "aws-secret-key",
        "secret_access_key ecretAccessKey",
        r"((?:secret_access_key|[sS]ecretAccessKey)\\?[\"']?\s{0,3}[:=]\s{0,3}\\?[\"']?)[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+])",
    ),
    _rule("google-key", "AIza", r"AIza[A-Za-z0-9_-]{35}"),
    _rule("google-token", "ya29.", r"ya29\.[A-Za-z0-9_-]{20,}"),
    _rule("google-secret", "GOCSPX-", r"GOCSPX-[A-Za-z0-9_-]{28}"),
    _rule("slack-token", "xox", r"xox[abeoprs][-.][A-Za-z0-9.-]{10,}"),
    _rule("slack-token", "xapp-", r"xapp-\d-[A-Za-z0-9-]{20,}"),
    _rule("slack-webhook", "hooks.slack.com", r"(hooks\.slack\.com/(?:services|workflows)/)[A-Za-z0-9/_-]{20,}"),
    _rule("stripe-key", "k_live_ k_test_", r"[rs]k_(?:live|test)_[A-Za-z0-9]{16,}"),
    _rule("npm-token", "npm_", r"npm_[A-Za-z0-9]{36}"),
    _rule("pypi-token", "pypi-", r"pypi-[A-Za-z0-9_-]{50,}"),
    _rule("hugging-face-token", "hf_", _word("hf_") + r"[A-Za-z0-9]{30,}"),
    _rule("sendgrid-key", "SG.", _word(r"SG\.") + r"[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}"),
    _rule("xai-key", "xai-", _word("xai-") + r"[A-Za-z0-9]{60,}"),
    _rule("groq-key", "gsk_", r"gsk_[A-Za-z0-9]{40,}"),
    _rule("perplexity-key", "pplx-", r"pplx-[A-Za-z0-9]{40,}"),
    _rule("replicate-token", "r8_", _word("r8_") + r"[A-Za-z0-9]{37,}"),
    _rule("tavily-key", "tvly-", r"tvly-[A-Za-z0-9-]{20,}"),
    _rule("langsmith-key", "lsv2_", r"lsv2_(?:pt|sk)_[a-f0-9]{32}_[a-f0-9]{10}"),
    _rule("vault-token", "hvs. hvb.", r"hv[sb]\.[A-Za-z0-9_-]{24,}"),
    _rule("digitalocean-token", "dop_v1_ doo_v1_ dor_v1_", r"do[por]_v1_[a-f0-9]{64}"),
    _rule("databricks-token", "dapi", _word("dapi") + r"[a-f0-9]{32}"),
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
    _rule("pulumi-token", "pul-", _word("pul-") + r"[a-f0-9]{40}"),
    _rule("rubygems-key", "rubygems_", r"rubygems_[a-f0-9]{48}"),
    _rule("age-key", "AGE-SECRET-KEY-1", r"AGE-SECRET-KEY-1[A-Z0-9]{58}"),
    _rule("nvidia-key", "nvapi-", r"nvapi-[A-Za-z0-9_-]{40,}"),
    _rule("cerebras-key", "csk-", _word("csk-") + r"[a-z0-9]{40,}"),
    _rule("fly-token", "FlyV1", r"FlyV1 fm[12][ar]?_[A-Za-z0-9+/=,_-]{40,}"),
    _rule("netlify-token", "nfp_", r"nfp_[A-Za-z0-9]{36,}"),
    _rule("planetscale-token", "pscale_", r"pscale_(?:tkn|pw|oauth)_[A-Za-z0-9_.=-]{32,}"),
    _rule("doppler-token", "dp.", r"dp\.(?:pt|st|ct|sa|scim|audit)\.[A-Za-z0-9_.-]{40,}"),
    _rule("terraform-token", ".atlasv1.", r"[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_=-]{60,}"),
    _rule("figma-token", "figd_", r"figd_[A-Za-z0-9_-]{40,}"),
    _rule("posthog-key", "phx_", r"phx_[A-Za-z0-9_]{40,}"),
    _rule("sonar-token", "squ_ sqp_ sqa_", _word("sq[upa]_") + r"[a-f0-9]{40}"),
    _rule("sourcegraph-token", "sgp_", r"sgp_(?:[a-fA-F0-9]{16}_|local_)?[a-fA-F0-9]{40}"),
    _rule("brevo-key", "xkeysib-", r"xkeysib-[a-f0-9]{64}-[A-Za-z0-9]{16}"),
    _rule("square-token", "sq0", r"sq0(?:atp|csp)-[A-Za-z0-9_-]{22,}"),
    _rule("dynatrace-token", "dt0c01.", r"dt0c01\.[A-Z0-9]{24}\.[A-Z0-9]{64}"),
    _rule("artifactory-key", "AKCp", r"AKCp[A-Za-z0-9]{60,}"),
    _rule("azure-key", "AccountKey=", r"(AccountKey=)[A-Za-z0-9+/]{40,}=*"),
    _rule("telegram-token", ":AA", r"\d{8,10}:AA[A-Za-z0-9_-]{33}"),
    _rule("json-web-token", "eyJ", _word("eyJ") + r"[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}"),
    _rule("bearer-token", "earer ", r"(earer )[A-Za-z0-9._~+/-]{20,}=*"),
    _rule("url-password", "://", r"(://[^\s/:@\"'\\]{1,64}:)[^\s/:@\"'\\$<{]{3,256}(?=@)"),
    _rule(
        "assigned-secret",
        "SECRET TOKEN PASSWORD PASSWD API_KEY APIKEY ACCESS_KEY PRIVATE_KEY",
        r"((?:SECRET|TOKEN|PASSW(?:OR)?D|API_?KEY|ACCESS_KEY|PRIVATE_KEY)[A-Z0-9_]{0,40}"
        r"(?:=|: ?)(?:\\?[\"'])?)[A-Za-z0-9._~+/=!@#%^&*-]{8,}",
    ),
    *(
        _rule("assigned-secret", name, rf"({name}\\?[\"'] ?: ?\\?[\"'])[A-Za-z0-9._~+/=!@#%^&*-]{{8,}}(?=\\?[\"'])")
        for name in _QUOTED
    ),
)  # fmt: skip

_SIGNED = tuple((sign.encode(), rule) for rule in RULES for sign in rule.signs)
_SIGNS = BytesAhoCorasick([sign for sign, _ in _SIGNED], implementation=Implementation.DFA)
_HELD = 4096
"""Characters of growing text that wait for their rest at most."""
_HELD_KEY = 32 * 1024
"""The same for a private key: it has many words."""
SLOW = 0.25
"""Seconds that an own pattern may take for a text; what it could not look through is masked whole."""


class Redactor:
    """`patterns`: own regular expressions; a group 1 is kept. Raises ValueError for one that is of no use."""

    def __init__(self, patterns: Sequence[str] = ()) -> None:
        self.counts: Counter[str] = Counter()
        self._own = tuple(_own(pattern) for pattern in patterns)
        self._told = 0

    def anew(self) -> Redactor:
        """For another build: the same patterns, and nothing counted."""
        fresh = Redactor()
        fresh._own = self._own
        return fresh

    def text(self, said: str) -> str:
        """`said` with each secret as `<redacted kind>`."""
        return self._by(self._possible(said.encode("utf-8", "surrogatepass")), said)

    def grown(self, said: str) -> tuple[str, str]:
        """What can be told of a text that grows, masked, and what waits: it may be half a secret.

        In a line the last word grows, and the one before it may say what it is, like `Bearer`. A private key has many
        lines.
        """
        key = said.rfind(_BEGIN, max(0, len(said) - _HELD_KEY))
        ended = _END.search(said, key) if key >= 0 else None
        if key >= 0 and ended is None and _KEY.match(said, key):
            return self.text(said[:key]), said[key:]
        line = said[max(len(said) - _HELD, ended.end() if ended else 0) :].rpartition("\n")[2]
        last = _last_word(line)
        if not last and len(line) == _HELD:
            return self.text(said), ""
        done = said[: len(said) - len(line) + last]
        word = line[_last_word(line[:last].rstrip()) : last]
        masked = self.text(done)
        if not word or not masked.endswith(word):
            return masked, line[last:]
        return masked.removesuffix(word), word + line[last:]

    def _possible(self, said: bytes) -> tuple[Rule | OwnRule, ...]:
        """Rules that may find something, in the order of RULES; own ones always."""
        found = {number for number, _, _ in _SIGNS.find_matches_as_indexes(said, overlapping=True)}
        signed = dict.fromkeys(_SIGNED[number][1] for number in sorted(found))
        return (*signed, *self._own) if signed else self._own

    def _by(self, rules: tuple[Rule | OwnRule, ...], said: str) -> str:
        for rule in rules:
            said = rule.masked(said, self.counts)
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
            case AutoFixReported(autofix):
                return AutoFixReported(replace(autofix, error=self.text(autofix.error)))
            case AgentReported(agent):
                again = self.anew()  # a title repeats the words of a prompt
                return replace(event, agent=replace(agent, title=again._title(agent.title), cwd=again.text(agent.cwd)))
            case CodexReported(codex):
                return replace(event, codex=self._raw(codex))
            case RequestOpened(request):
                return replace(event, request=self._request(request))
            case RequestResolved():
                return replace(event, decision=self.text(event.decision))
            case BackgroundMoved() | ActivityReported():
                return replace(event, what=self.text(event.what))
            case BuildEnded() | TurnEnded():
                return replace(event, summary=self.text(event.summary), error=self.text(event.error))
            case _:
                return event

    def _request(self, request: Request) -> Request:
        return replace(
            request,
            title=self.text(request.title),
            reason=self.text(request.reason),
            input=None if request.input is None else self._raw(request.input),
            suggestions=None if request.suggestions is None else self._raw(request.suggestions),
            options=tuple(replace(one, label=self.text(one.label)) for one in request.options),
        )

    def _title(self, said: str) -> str:
        """A title that was cut may end in half a secret, which no longer looks like one."""
        masked = self.text(said)
        last = _last_word(masked)
        halved = masked.endswith("…") and any(isinstance(rule, Rule) for rule in self._possible(masked[last:].encode()))
        return f"{masked[:last]}…" if halved else masked

    def _raw(self, value: Raw) -> Raw:
        """Strings are masked decoded: an escape like `\\n` before a secret would hide where it begins."""
        rules = self._possible(bytes(value))
        if not rules:
            return value
        before = self.counts.total()
        masked = self._inside(rules, plain(value))
        return raw(masked) if self.counts.total() > before else value

    def _inside(self, rules: tuple[Rule | OwnRule, ...], said: Any) -> Any:
        if isinstance(said, str):
            return self._by(rules, said)
        if isinstance(said, list):
            return [self._inside(rules, item) for item in cast("list[Any]", said)]
        if isinstance(said, dict):
            fields = cast("dict[str, Any]", said)
            return {self._by(rules, key): self._inside(rules, item) for key, item in fields.items()}
        return said

    def news(self) -> Noticed | None:
        """What was masked so far; None when nothing was since that was told."""
        total = self.counts.total()
        if total == self._told:
            return None
        self._told = total
        kinds = ", ".join(f"{kind} ×{count}" for kind, count in self.counts.most_common())
        return Noticed(f"masked {total} secret{'s' if total > 1 else ''}: {kinds}")


class Redacted:
    """A reader whose reports are masked. Streamed text goes on at word ends: no secret slips by in halves."""

    def __init__(self, reader: Reader, redactor: Redactor) -> None:
        self.counts = reader.counts
        self.inner = reader
        self._redactor = redactor
        self._held: Reported | None = None
        self._grew = ""
        """The note that grew last."""

    def feed(self, data: bytes) -> list[Reported]:
        reports = list(self._masked(self.inner.feed(data)))
        self.counts = self.inner.counts
        return reports

    def finish(self) -> list[Reported]:
        reports = list(self._masked([*self.inner.finish()]))
        return [*reports, *self._let_go(), *self._news(reports[-1].session if reports else "")]

    def _masked(self, reports: Iterable[Reported]) -> Iterator[Reported]:
        for report in reports:
            event = report.event
            if isinstance(event, TextAdded) and not event.whole:
                yield from self._grown(report, event)
                continue
            yield from self._let_go()
            is_told = isinstance(event, TextAdded) and event.id == self._grew
            masked = self._one(report, self._redactor.anew() if is_told else self._redactor)
            if isinstance(event, BuildEnded | TurnEnded):
                yield from self._news(report.session)
            yield masked

    def _news(self, session: str) -> Iterator[Reported]:
        """The end of a build tells what was masked in it."""
        news = self._redactor.news()
        if news is not None:
            yield Reported(news, None, session)

    def _grown(self, report: Reported, event: TextAdded) -> Iterator[Reported]:
        """Passes on what is settled; what may be the beginning of a secret waits for its rest."""
        self._grew = event.id
        held = self._held.event if self._held is not None else None
        if isinstance(held, TextAdded) and held.id == event.id:
            event = replace(event, text=held.text + event.text)
            self._held = None
        yield from self._let_go()
        told, waits = self._redactor.grown(event.text)
        if told:
            yield replace(report, event=replace(event, text=told))
        if waits:
            self._held = replace(report, event=replace(event, text=waits))

    def _let_go(self) -> Iterator[Reported]:
        if self._held is not None:
            held, self._held = self._held, None
            yield self._one(held, self._redactor)

    def _one(self, report: Reported, redactor: Redactor) -> Reported:
        event = redactor.event(report.event)
        return report if event is report.event else replace(report, event=event)


_BEGIN = "-----BEGIN "
_KEY = re.compile(_BEGIN + r"[A-Z ]{0,40}(?:PRIVATE KEY|$)")
_END = re.compile(r"-----END [A-Z ]{0,40}-----")


def _last_word(said: str) -> int:
    """Where it begins."""
    return max(said.rfind(" "), said.rfind("\n"), said.rfind("\t")) + 1


def _mask(match: re.Match[str] | regex.Match[str], kind: str) -> str:
    kept = match[1] if match.re.groups and match[1] else ""
    return f"{kept}<redacted {kind}>"


def _own(pattern: str) -> OwnRule:
    import regex  # pyright: ignore[reportMissingTypeStubs]  # few have patterns of their own

    try:
        compiled = regex.compile(pattern)
    except regex.error as error:
        raise ValueError(f"redaction pattern {pattern!r} is no regular expression: {error}") from None
    if compiled.search(""):
        raise ValueError(f"redaction pattern {pattern!r} fits nothing at all, and so everywhere")
    return OwnRule(compiled)
