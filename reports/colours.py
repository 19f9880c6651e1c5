"""The colours by role: light for drawing, PNG, print and day, dark for night. The page names them as variables."""

COLOURS = {  # role: (light, dark); the light ones are also what matplotlib draws with
    "ink": ("#1f2328", "#e6e8eb"),
    "soft": ("#57606b", "#a4abb3"),
    "line": ("#d8dee4", "#343b44"),
    "ground": ("#ffffff", "#14171b"),
    "tint": ("#f1f3f5", "#20252b"),
    "correct": ("#0072b2", "#56b4e9"),
    "bad": ("#d55e00", "#d55e00"),
    "watch": ("#b37700", "#e69f00"),
    "good": ("#009e73", "#009e73"),
    "second": ("#b0518a", "#cc79a7"),
    "pruned": ("#6e7781", "#8a8f98"),
}
INK, SOFT, LINE, GROUND, TINT = (COLOURS[role][0] for role in ("ink", "soft", "line", "ground", "tint"))
CORRECT, BAD, WATCH, GOOD, SECOND, PRUNED = (
    COLOURS[role][0] for role in ("correct", "bad", "watch", "good", "second", "pruned")
)
ROLES = {light: role for role, (light, _) in COLOURS.items()}
