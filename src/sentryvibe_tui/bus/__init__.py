"""How servers over one store wake one another: hints that something was committed. A lost one delays, never loses."""
