"""The story of the demo: an agent builds a board for a cycling club's rides. Every word and file is invented."""

from __future__ import annotations

from collections.abc import Iterator

from .beats import (
    Beat,
    Both,
    Delegate,
    Edit,
    Fetch,
    Glob,
    Grep,
    Mcp,
    Plan,
    PlannedTodo,
    Read,
    Say,
    ShellRun,
    Template,
    Think,
    Write,
)

PROJECT = "ride-board"
TITLE = "Build a ride board for our cycling club"
CWD = "/home/mara/ride-board"

TEMPLATE = (
    ("Pick a template", "Picking a template"),
    ("Fetch the template", "Fetching the template"),
    ("Install packages", "Installing packages"),
    ("Check that it starts", "Checking that it starts"),
)
TODOS = (
    ("Model rides and riders", "Modelling rides and riders"),
    ("Seed sample rides", "Seeding sample rides"),
    ("Build the list of rides", "Building the list of rides"),
    ("Build the page of one ride", "Building the page of one ride"),
    ("Add joining and leaving", "Adding joining and leaving"),
    ("Filter by distance and pace", "Filtering by distance and pace"),
    ("Test the limit of riders", "Testing the limit of riders"),
    ("Empty states and final build", "Finishing empty states and the final build"),
)
SUMMARY = (
    "The ride board works: a list of rides with filters, a page for each ride, joining and leaving with a limit of "
    "riders. 14 tests pass and the production build is clean."
)

SCHEMA = """export const rides = sqliteTable("rides", {
  id: integer("id").primaryKey({ autoIncrement: true }),
  title: text("title").notNull(),
  startsAt: integer("starts_at", { mode: "timestamp" }).notNull(),
  distanceKm: real("distance_km").notNull(),
  pace: text("pace", { enum: ["easy", "steady", "brisk"] }).notNull(),
  maxRiders: integer("max_riders").notNull().default(12),
});
"""
JOIN_OLD = "  if (riders.length > ride.maxRiders) {\n    return full(ride);\n  }\n"
JOIN_FIRST = (
    f"export async function join(rideId: number, rider: string) {{\n{JOIN_OLD}  return add(rideId, rider);\n}}\n"
)
JOIN_NEW = "  if (riders.length >= ride.maxRiders) {\n    return full(ride);\n  }\n"

FAILING = """ RUN  v3.2.4 /home/mara/ride-board

 ✓ src/lib/pace.test.ts (5 tests) 9ms
 ✓ src/lib/filter.test.ts (4 tests) 14ms
 ❯ src/lib/join.test.ts (5 tests | 1 failed) 41ms
   ✓ join > adds a rider to a ride 6ms
   ✓ join > is the same when a rider joins twice 3ms
   × join > turns the thirteenth rider away 19ms
     → expected 13 to be 12 // Object.is equality
   ✓ leave > frees a place 4ms
   ✓ leave > ignores a stranger 2ms

⎯⎯⎯⎯⎯⎯⎯ Failed Tests 1 ⎯⎯⎯⎯⎯⎯⎯

 FAIL  src/lib/join.test.ts > join > turns the thirteenth rider away
AssertionError: expected 13 to be 12 // Object.is equality

- Expected
+ Received

- 12
+ 13

 ❯ src/lib/join.test.ts:38:32
     36|   for (const name of thirteen) await join(ride.id, name);
     37|
     38|   expect(await ridersOf(ride.id)).toHaveLength(12);
       |                                ^
     39| });

 Test Files  1 failed | 2 passed (3)
      Tests  1 failed | 13 passed (14)
   Duration  612ms
"""
PASSING = """ RUN  v3.2.4 /home/mara/ride-board

 ✓ src/lib/pace.test.ts (5 tests) 8ms
 ✓ src/lib/filter.test.ts (4 tests) 12ms
 ✓ src/lib/join.test.ts (5 tests) 33ms

 Test Files  3 passed (3)
      Tests  14 passed (14)
   Duration  574ms
"""
BROKEN_BUILD = """> ride-board@0.1.0 build
> next build

   Creating an optimized production build ...
 ✓ Compiled successfully in 3.1s
   Linting and checking validity of types ...
Failed to compile.

./src/components/pace-filter.tsx:24:31
Type error: Argument of type 'string | null' is not assignable to parameter of type 'Pace'.
  Type 'null' is not assignable to type 'Pace'.

  22 |   const chosen = params.get("pace");
  23 |   return rides.filter(
> 24 |     (ride) => matchesPace(ride, chosen),
     |                                 ^
  25 |   );
  26 | }
Next.js build worker exited with code: 1
"""
GOOD_BUILD = """> ride-board@0.1.0 build
> next build

   Creating an optimized production build ...
 ✓ Compiled successfully in 2.8s
 ✓ Linting and checking validity of types
 ✓ Generating static pages (6/6)

Route (app)                Size   First Load JS
┌ ○ /                   4.21 kB          118 kB
├ ƒ /rides/[id]         2.96 kB          116 kB
└ ƒ /api/rides/[id]       142 B          103 kB
"""


def _lines(*lines: str) -> str:
    return "\n".join(lines) + "\n"


def script() -> Iterator[Beat]:
    """The beats in order."""
    yield from _template()
    yield from _planning()
    yield from _data()
    yield from _pages()
    yield from _joining()
    yield from _finish()


def _template() -> Iterator[Beat]:
    yield Template(0)
    yield Say("A small board with pages and a database: the **next-sqlite** template fits.")
    yield Glob("templates/*/template.json", "templates/next-sqlite/template.json\ntemplates/vite-react/template.json")
    yield Template(1)
    yield ShellRun(
        "npx degit club-templates/next-sqlite ride-board", "Fetch the template", "> cloned to ride-board", 1400
    )
    yield Template(2)
    yield ShellRun("pnpm install --frozen-lockfile", "Install packages", _INSTALL, 2600)
    yield Template(3)
    yield ShellRun("curl -sI localhost:3000 | head -1", "Check that it starts", "HTTP/1.1 200 OK", 700)
    yield Template(4)


_INSTALL = """Lockfile is up to date, resolution step is skipped
Packages: +287
+++++++++++++++++++++++++++++++++++++++++++++++++++++++
Progress: resolved 287, reused 281, downloaded 6, added 287, done
Done in 2.4s
"""


def _planning() -> Iterator[Beat]:
    yield Think("The club wants three things: see rides, join one, and know when a ride is full. Start with the data.")
    yield Both((
        Read("package.json", '{\n  "name": "ride-board",\n  "scripts": { "dev": "next dev", "test": "vitest run" }\n}'),
        Glob("src/**/*.{ts,tsx}", "src/app/layout.tsx\nsrc/app/page.tsx\nsrc/db/index.ts\nsrc/db/schema.ts"),
        Read("src/db/schema.ts", 'import { sqliteTable } from "drizzle-orm/sqlite-core";\n'),
    ))  # fmt: skip
    yield Mcp(
        "github", "search", "repo:pedal-club/site is:issue ride", "#41 Riders ask for pace groups\n#52 Show free places"
    )
    yield Fetch("https://orm.drizzle.team/docs/column-types/sqlite", "How are enum columns declared?",
                'Use text("name", { enum: [...] }); the type is narrowed to the union.')  # fmt: skip
    yield Delegate(
        "Look at the club's style guide",
        "Find the colours, the type scale and the spacing the club's old site uses. Answer in five lines.",
        (
            Glob("legacy/**/*.css", "legacy/site.css\nlegacy/print.css"),
            Read("legacy/site.css", ":root {\n  --moss: #3f6b4a;\n  --chalk: #f5f1e8;\n  --signal: #e2552b;\n}"),
            Grep("font-family", "legacy", 'legacy/site.css:12:  font-family: "Archivo", sans-serif;'),
        ),
        "Moss green on chalk, signal orange for actions. Archivo, 16 px, steps of 1.25. Spacing in steps of 8 px.",
    )
    yield Plan(
        "1. Data: rides, riders, places\n2. Pages: list, one ride\n3. Joining with a limit\n4. Filters\n5. Tests"
    )
    yield Say(
        "Here is the plan:\n\n"
        "- **Data** first: rides, riders and the places between them\n"
        "- then the *list* and the *page of a ride*\n"
        "- joining, with the limit enforced on the server\n"
        "- filters, tests, a clean build\n"
    )


def _data() -> Iterator[Beat]:
    yield PlannedTodo(0)
    yield Edit("src/db/schema.ts", 'import { sqliteTable } from "drizzle-orm/sqlite-core";\n', SCHEMA)
    yield Write(
        "src/db/places.ts",
        _lines(
            'export const places = sqliteTable("places", {',
            '  rideId: integer("ride_id"),',
            '  rider: text("rider"),',
            "});",
        ),
    )
    yield ShellRun(
        "pnpm drizzle-kit generate", "Generate the migration", "3 tables\n[✓] drizzle/0000_quiet_saddle.sql", 1300
    )
    yield ShellRun("pnpm drizzle-kit migrate", "Migrate", "[✓] migrations applied successfully!", 800)
    yield PlannedTodo(1)
    yield Write(
        "src/db/seed.ts",
        _lines(
            "await db.insert(rides).values([",
            '  { title: "Sunrise along the canal", distanceKm: 38, pace: "easy" },',
            '  { title: "Three hills before lunch", distanceKm: 64, pace: "brisk" },',
            "]);",
        ),
    )
    yield ShellRun("pnpm tsx src/db/seed.ts", "Seed the database", "9 rides, 23 riders, 61 places", 900)
    yield ShellRun("sqlite3 board.db 'select title, pace from rides limit 3'", "Look at the data",
              "Sunrise along the canal|easy\nThree hills before lunch|brisk\nCoffee loop|steady", 300)  # fmt: skip
    yield Say("The data is in place: `9` rides to look at.")


def _pages() -> Iterator[Beat]:
    yield PlannedTodo(2)
    yield Read("src/app/page.tsx", "export default function Home() {\n  return <main>Hello</main>;\n}\n")
    yield Write("src/components/ride-card.tsx", _CARD)
    yield Edit(
        "src/app/page.tsx",
        "  return <main>Hello</main>;\n",
        _lines("  const rides = await upcoming();", "  return <RideList rides={rides} />;"),
    )
    yield Write(
        "src/lib/upcoming.ts",
        _lines("export async function upcoming() {", "  return db.select().from(rides).orderBy(rides.startsAt);", "}"),
    )
    yield ShellRun("curl -s localhost:3000 | grep -c ride-card", "Count the cards", "9", 500)
    yield Edit("src/app/globals.css", "  --accent: #0070f3;\n", "  --accent: #e2552b;\n  --surface: #f5f1e8;\n")
    yield PlannedTodo(3)
    yield Think("The page of a ride needs the riders too. One query with a join keeps it to a single round trip.")
    yield Write(
        "src/app/rides/[id]/page.tsx",
        _lines(
            "export default async function RidePage({ params }) {",
            "  const ride = await rideWithRiders(params.id);",
            "  return ride ? <RideDetails ride={ride} /> : notFound();",
            "}",
        ),
    )
    yield Write(
        "src/components/ride-details.tsx",
        _lines(
            "export function RideDetails({ ride }: Props) {",
            "  const free = ride.maxRiders - ride.riders.length;",
            "  return <article>{free} places left</article>;",
            "}",
        ),
    )
    yield Both((
        ShellRun("curl -s -o /dev/null -w '%{http_code}' localhost:3000/rides/3", "A ride that exists", "200", 420),
        ShellRun("curl -s -o /dev/null -w '%{http_code}' localhost:3000/rides/999", "A ride that does not", "404", 380),
    ))  # fmt: skip
    yield Grep("maxRiders", "src", "src/db/schema.ts:8\nsrc/components/ride-details.tsx:2")
    yield Edit("src/components/ride-details.tsx", "{free} places left", '{free > 0 ? `${free} places left` : "full"}')


_CARD = """export function RideCard({ ride }: { ride: Ride }) {
  return (
    <a className="ride-card" href={`/rides/${ride.id}`}>
      <h2>{ride.title}</h2>
      <p>{ride.distanceKm} km, {ride.pace}</p>
    </a>
  );
}
"""


def _joining() -> Iterator[Beat]:
    yield PlannedTodo(4)
    yield Write("src/lib/join.ts", JOIN_FIRST)
    yield Write(
        "src/app/api/rides/[id]/route.ts",
        _lines(
            "export async function POST(request: Request, { params }) {",
            "  const { rider } = await request.json();",
            "  return Response.json(await join(params.id, rider));",
            "}",
        ),
    )
    yield ShellRun("curl -s -X POST localhost:3000/api/rides/3 -d '{\"rider\":\"Noor\"}'", "Join a ride",
              '{"joined":true,"places":7}', 450)  # fmt: skip
    yield Read("src/components/ride-details.tsx", "export function RideDetails({ ride }: Props) {\n  …\n}\n")
    yield Edit("src/components/ride-details.tsx", "</article>", "<JoinButton ride={ride} /></article>")
    yield Write(
        "src/components/join-button.tsx",
        _lines(
            '"use client";',
            "",
            "export function JoinButton({ ride }: Props) {",
            "  const [pending, start] = useTransition();",
            "  return <button disabled={pending}>Join</button>;",
            "}",
        ),
    )
    yield PlannedTodo(5)
    yield Write("src/lib/filter.ts", "export const matchesPace = (ride: Ride, pace: Pace) => ride.pace === pace;\n")
    yield Write(
        "src/components/pace-filter.tsx",
        _lines(
            "export function PaceFilter({ rides }: Props) {",
            '  const chosen = params.get("pace");',
            "  return rides.filter((ride) => matchesPace(ride, chosen));",
            "}",
        ),
    )
    yield Edit("src/app/page.tsx", "<RideList rides={rides} />", "<PaceFilter rides={rides} />")
    yield ShellRun("curl -s 'localhost:3000/?pace=easy' | grep -c ride-card", "Easy rides only", "4", 480)
    yield Say("Filters work on the address, so a filtered list can be *shared as a link*.")
    yield PlannedTodo(6)
    yield Glob("src/**/*.test.ts", "src/lib/pace.test.ts")
    yield Write(
        "src/lib/join.test.ts",
        _lines(
            'describe("join", () => {',
            '  it("turns the thirteenth rider away", async () => {',
            "    for (const name of thirteen) await join(ride.id, name);",
            "    expect(await ridersOf(ride.id)).toHaveLength(12);",
            "  });",
            "});",
        ),
    )
    yield Write(
        "src/lib/filter.test.ts",
        _lines(
            'it("keeps rides of one pace", () => {',
            '  expect(rides.filter((r) => matchesPace(r, "easy"))).toHaveLength(4);',
            "});",
        ),
    )
    yield ShellRun("pnpm vitest run", "Run the tests", FAILING, 2200, code=1)
    yield Think("Thirteen riders got in. The check compares the count before adding, so it must refuse at the limit.")
    yield Grep("maxRiders", "src/lib", "src/lib/join.ts:2:  if (riders.length > ride.maxRiders) {")
    yield Edit("src/lib/join.ts", JOIN_OLD, JOIN_NEW)
    yield ShellRun("pnpm vitest run", "Run the tests again", PASSING, 2000)
    yield Say(
        "Found it: the limit was checked *before* adding with `>`, so one rider too many got in. Now all 14 pass."
    )


def _finish() -> Iterator[Beat]:
    yield PlannedTodo(7)
    yield ShellRun("pnpm build", "Production build", BROKEN_BUILD, 3200, code=1)
    yield Read(
        "src/components/pace-filter.tsx",
        '22\u2192  const chosen = params.get("pace");\n24\u2192  matchesPace(ride, chosen)',
    )
    yield Edit("src/components/pace-filter.tsx", 'params.get("pace");', 'asPace(params.get("pace"));')
    yield Edit("src/lib/filter.ts", "ride.pace === pace;\n", "!pace || ride.pace === pace;\n")
    yield ShellRun("pnpm build", "Production build again", GOOD_BUILD, 3000)
    yield Write(
        "src/components/empty.tsx",
        'export const Empty = () => <p className="empty">No rides this week. Time to plan one?</p>;\n',
    )
    yield Edit("src/components/ride-list.tsx", "rides.map(", "rides.length === 0 ? <Empty /> : rides.map(")
    yield Both((
        ShellRun("pnpm vitest run --reporter=dot", "Tests", " ··············\n Tests  14 passed (14)", 1500),
        ShellRun("pnpm eslint src", "Lint", "", 1100),
        ShellRun("pnpm tsc --noEmit", "Types", "", 1300),
    ))  # fmt: skip
    yield ShellRun(
        "git add -A && git commit -qm 'Ride board'", "Commit", "[main 7c1d0be] Ride board\n 17 files changed", 300
    )
    yield PlannedTodo(8)
    yield Say("Done. " + SUMMARY)
