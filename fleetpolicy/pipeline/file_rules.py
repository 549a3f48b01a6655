"""List the rules about files, facts and revisions that commands read and write."""

from fleetpolicy.diagnostics import Rule, Severity

_COMMANDS = "docs/command-line.md"

NOT_FORMATTED = Rule(
    "FP641",
    "not-formatted",
    Severity.ERROR,
    "Files have the one layout that `fmt` gives them, so that a diff shows what is meant; texts "
    "that other readers take for numbers or truths are in quotes.",
    "docs/getting-started.md",
    rejected="metadata:\n    name: 0302",
    accepted='metadata:\n  name: "0302"',
)
NOT_WRITTEN = Rule(
    "FP642",
    "file-not-written",
    Severity.ERROR,
    "A file is written as a whole or not at all.",
    _COMMANDS,
    rejected="fleetpolicy fmt policies/\n# on a file system that is mounted read-only",
    accepted="fleetpolicy fmt policies/\n# in a folder that the user may write",
)
NO_FILES = Rule(
    "FP643",
    "no-files-named",
    Severity.ERROR,
    "A command about files needs some: named, or those of the fleet.",
    _COMMANDS,
    rejected="fleetpolicy fmt\n# no fleetpolicy.yaml names an inventory or policies",
    accepted="fleetpolicy fmt policies/",
)
FILE_EXISTS = Rule(
    "FP644",
    "file-exists-already",
    Severity.ERROR,
    "Nothing that is there is overwritten: it may be somebody's work.",
    _COMMANDS,
    rejected="fleetpolicy init fleet\n# fleet/fleetpolicy.yaml is there already",
    accepted="fleetpolicy init fleet\n# there is no folder fleet/, or it is empty",
)
NO_RECORDS = Rule(
    "FP645",
    "no-records-to-import",
    Severity.ERROR,
    "A first policy is written from recorded facts of hosts that run.",
    "docs/getting-started.md",
    rejected="fleetpolicy import --facts facts/\n# facts/ is empty",
    accepted="fleetpolicy facts collect -i fleet --facts facts/\nfleetpolicy import --facts facts/",
)
NO_GIT = Rule(
    "FP650",
    "git-not-installed",
    Severity.ERROR,
    "Revisions are read by git.",
    _COMMANDS,
    rejected="fleetpolicy plan -i fleet --against main\n# there is no program git in PATH",
    accepted="fleetpolicy plan -i fleet --against main\n# git --version answers",
)
NO_REPOSITORY = Rule(
    "FP651",
    "not-in-a-repository",
    Severity.ERROR,
    "A fleet has revisions to compare with only where git keeps it.",
    _COMMANDS,
    rejected="fleetpolicy plan -i /srv/fleet --against main\n"
    "# neither /srv/fleet nor a folder above it is a git repository",
    accepted="git clone REPOSITORY /srv/fleet\nfleetpolicy plan -i /srv/fleet --against main",
)
UNKNOWN_REVISION = Rule(
    "FP652",
    "unknown-revision",
    Severity.ERROR,
    "A revision to compare with is a commit that this clone has: a branch, a tag or a hash.",
    "git, gitrevisions(7)",
    rejected="fleetpolicy plan -i fleet --against origin/mian",
    accepted="fleetpolicy plan -i fleet --against origin/main",
)
GIT_FAILED = Rule(
    "FP653",
    "revision-not-readable",
    Severity.ERROR,
    "The files of a revision are written into a temporary folder; a clone that lacks some of them "
    "cannot be compared with.",
    _COMMANDS,
    rejected="A clone in which git fsck finds missing blobs.",
    accepted="A clone with which git fsck is content.",
)
BAD_AGE = Rule(
    "FP654",
    "bad-age",
    Severity.ERROR,
    "An age is a whole number of minutes, hours or days.",
    _COMMANDS,
    rejected="fleetpolicy validate -i fleet --max-age 30",
    accepted="fleetpolicy validate -i fleet --max-age 30d",
)
OLD_FACTS = Rule(
    "FP655",
    "facts-too-old",
    Severity.WARNING,
    "Hosts change while nobody looks: what is judged by old facts may be wrong.",
    _COMMANDS,
    production=Severity.ERROR,
    rejected="maxAge: 30d, and facts that were collected 31 days ago.",
    accepted="maxAge: 30d, and facts that were collected yesterday.",
)
NO_SUCH_RECORDS = Rule(
    "FP656",
    "no-such-records",
    Severity.ERROR,
    "Looks at hosts are compared by their records: a folder of them, or a file of one or many.",
    _COMMANDS,
    rejected="fleetpolicy facts diff before/ missing/",
    accepted="fleetpolicy facts diff before/ after/hosts.jsonl",
)
