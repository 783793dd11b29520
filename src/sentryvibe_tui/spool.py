"""Where hooks that 0.1 installed call the spool: the program itself is hooks/spool.py."""

import os

if __name__ == "__main__":
    _program = os.path.join(os.path.dirname(os.path.abspath(__file__)), "hooks", "spool.py")
    with open(_program, encoding="utf-8") as _file:
        exec(compile(_file.read(), _program, "exec"))
