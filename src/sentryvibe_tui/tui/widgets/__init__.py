"""Parts of the watch screen, each with its stylesheet beside it where it has one."""
