"""How the pages about errors look, and what they do not show.

GENERATED from lib/dev/style.ts and lib/dev/secrets.ts by npm run generate. Do not edit.
"""

MASK = "[hidden]"

# A pattern for names of header fields, in any case.
SECRET = "auth|cookie|token|secret|passw|credential|session|signature|api-?key|csrf|xsrf"

# A pattern for names of query parameters whose values no log has, in any case.
SECRET_PARAMETER = (
    "(?:(?:access|api|auth|id|refresh|session)[-_]?)?token|(?:access|api|private)[-_]"
    "?key|auth|authorization|client[-_]?secret|credentials|jwt|passphrase|passwd|pass"
    "word|pwd|secret|session[-_]?id|sig|signature|x-amz-(?:security-token|signature)"
)

STYLE = """\
:root { color-scheme: light dark; --text: #1c1e21; --dim: #666c75; --back: #f6f7f9; --card: #fff;
  --line: #dfe2e7; --mark: #ffe9e7; --red: #b3261e; --code: #f1f3f5 }
@media (prefers-color-scheme: dark) { :root { --text: #e4e6ea; --dim: #9aa1ab; --back: #17191c;
  --card: #202327; --line: #363a41; --mark: #4a2321; --red: #ff8a80; --code: #2a2e33 } }
* { box-sizing: border-box }
body { margin: 0; background: var(--back); color: var(--text); font: 15px/1.5 system-ui, sans-serif }
main { max-width: 64rem; margin: 0 auto; padding: 2rem 1rem 3rem }
h1, h2 { margin: 0 0 .5rem; color: var(--red); line-height: 1.3; white-space: pre-wrap;
  overflow-wrap: anywhere }
h1 { font-size: 1.5rem } h2 { font-size: 1.15rem; margin-top: 2rem }
p { margin: .25rem 0; overflow-wrap: anywhere }
.dim, summary, th { color: var(--dim) }
pre, code, td, th { font: 13px/1.55 ui-monospace, Menlo, Consolas, monospace }
code { background: var(--code); border-radius: 4px; padding: .1em .35em }
figure { margin: 1rem 0; background: var(--card); border: 1px solid var(--line); border-radius: 8px;
  overflow: hidden }
figcaption { padding: .5rem .9rem; border-bottom: 1px solid var(--line); overflow-wrap: anywhere }
pre { margin: 0; padding: .6rem 0; overflow-x: auto; tab-size: 4 }
pre span { display: block; padding: 0 .9rem; min-width: max-content }
pre i { display: inline-block; width: 3.2em; padding-right: 1em; text-align: right; font-style: normal;
  color: var(--dim); user-select: none }
pre .here { background: var(--mark); box-shadow: inset 3px 0 var(--red) }
details { margin: .75rem 0 } summary { cursor: pointer }
details pre { background: var(--card); border: 1px solid var(--line); border-radius: 8px;
  margin-top: .5rem }
.own { font-weight: 600 }
table { border-collapse: collapse; margin-top: .5rem; width: 100% }
th, td { text-align: left; vertical-align: top; padding: .2rem .9rem .2rem 0;
  border-bottom: 1px solid var(--line); font-weight: 400; overflow-wrap: anywhere }
th { white-space: nowrap; width: 1% }
footer { margin-top: 2rem }"""
