"""What the help of `follow` promises."""

import re

from sentryvibe_tui.agents.registry import built_in
from sentryvibe_tui.cli.follow import command


def test_the_help_names_every_agent_that_is_followed() -> None:
    promised = re.sub(r"\s+", " ", command.help or "")
    followed = [kind.title for kind in built_in() if kind.sessions is not None or kind.live is not None]
    assert [title for title in followed if title not in promised] == []
