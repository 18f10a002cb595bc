"""How does a report look: on a phone, on a screen that is light or dark, and on paper?"""

#: Of a page that holds nothing else; the report in it sets its own colours.
PAGE = """
html { color-scheme: light dark; background: #fff; } body { margin: 0; } @page { margin: 15mm; }
@media screen and (prefers-color-scheme: dark) { html { background: #17181a; } }
"""

#: Of the report alone, so that a notebook around it looks as before.
STYLE = """
§ { --ink: #222; --paper: #fff; --shade: #f3f4f6; --faint: #dddddd; --grey: #777777;
  --first: #0072b2; --second: #d55e00; --third: #009e73; --severe: #b3261e; color-scheme: light dark;
  font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); }
@media screen and (prefers-color-scheme: dark) {
  § { --ink: #e4e4e4; --paper: #17181a; --shade: #24262a; --faint: #3d3f43; --grey: #9a9a9a;
    --first: #56b4e9; --second: #f0905a; --third: #3fc79a; --severe: #ff8a80; }
}
§ main { max-width: 72rem; margin: 0 auto; padding: 1rem; }
§ h1, § p, § li, § dd { overflow-wrap: anywhere; }
§ p, § li { max-width: 46rem; }
§ h1 { font-size: 1.5rem; } § h2 { font-size: 1.2rem; margin-top: 2.5rem; }
§ h3 { font-size: 1rem; margin: 0 0 .5rem; }
§ .top { background: var(--shade); border-left: 4px solid var(--first); padding: .25rem 1rem;
  font-size: 1.2rem; max-width: 56rem; }
§ .top p { max-width: none; }
§ .severe { border-left: 4px solid var(--severe); padding-left: 1rem; }
§ .wide { overflow-x: auto; }
§ table { border-collapse: collapse; font-size: 14px; margin: 0; border: 0; color: inherit; }
§ td, § th { padding: .3rem .7rem; text-align: right; font-weight: normal; border: 0; }
§ td { white-space: nowrap; }
§ td[colspan] { white-space: normal; text-align: left; }
§ thead th { font-weight: 600; vertical-align: bottom; }
§ td:first-child, § th:first-child { text-align: left; }
§ tbody tr:nth-child(odd) { background: var(--shade); } § tbody tr:nth-child(even) { background: none; }
§ .chosen td, § .chosen th { font-weight: 600; }
§ pre { background: var(--shade); color: inherit; padding: .7rem; font-size: 14px; white-space: pre-wrap;
  overflow-wrap: anywhere; }
§ code { background: none; color: inherit; }
§ dl { display: grid; grid-template-columns: fit-content(11rem) 1fr; gap: .2rem 1rem; }
§ dt { color: var(--grey); } § dd { margin: 0; }
§ .figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(30rem, 100%), 1fr)); gap: 2rem; }
§ figure { margin: 0; max-width: 34rem; break-inside: avoid; }
§ figcaption { font-size: 14px; color: var(--grey); margin-top: .3rem; }
§ svg { width: 100%; height: auto; }
§ summary { cursor: pointer; margin: .5rem 0; }
@media print {
  § { font-size: 10pt; color-scheme: light; } § main { max-width: none; padding: 0; } § p, § li { max-width: none; }
  § .top { font-size: 12pt; max-width: none; } § h2 { margin-top: 1.5rem; }
  § h2, § h3, § summary { break-after: avoid; } § p { orphans: 3; widows: 3; }
  § tr, § pre, § .top { break-inside: avoid; }
  § .wide, § .wide div { overflow: visible !important; max-height: none !important; }
  § table, § pre, § figcaption { font-size: 8.5pt; }
  § td, § th { padding: .15rem .4rem; white-space: normal; }
  § .figures { grid-template-columns: 1fr 1fr; gap: 1rem; }
  § details::details-content { content-visibility: visible; display: block; height: auto; }
}
""".replace("§", ".skimbalance-report")
