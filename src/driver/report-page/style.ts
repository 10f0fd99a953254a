/** The report's looks: fonts of the system, light and dark, from a telephone's width upwards. Constant text, so not escaped. */
export const style = `
:root{--paper:#fff;--ink:#1b242d;--muted:#5b6773;--line:#dce2e7;--panel:#f4f6f8;--accent:#0b6b6b;--soft:#d3e9e7;--warm:#a84a08;--hot:#b3261e;--good:#1d6b3a;--blue:#2b5fad;--in:#cfe0f5;--out:#f4dfc4;color-scheme:light dark}
@media (prefers-color-scheme:dark){:root{--paper:#12171c;--ink:#e4e9ee;--muted:#98a5b1;--line:#2c353e;--panel:#1a2128;--accent:#58c2b8;--soft:#1d4744;--warm:#eaa458;--hot:#ff8b80;--good:#6fcf93;--blue:#86b4f5;--in:#23405f;--out:#573d1d}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
main{max-width:1280px;margin:0 auto;padding:24px 16px 64px}
h1{font-size:1.9rem;line-height:1.2;margin:0;overflow-wrap:anywhere}
h2{font-size:1.15rem;margin:0 0 8px}
section{margin-top:36px;min-width:0}
header p,.note{color:var(--muted);margin:2px 0 10px;overflow-wrap:anywhere}
.note{font-size:.87rem;max-width:70ch}
dl{display:grid;grid-template-columns:auto 1fr;gap:2px 12px;margin:0}
dt{color:var(--muted);grid-column:1}
dd{margin:0;grid-column:2;overflow-wrap:anywhere}
code{font:.86em ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;overflow-wrap:anywhere}
small{color:var(--muted);font-size:.8rem}
.headline{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:10px;margin:22px 0 10px}
.headline div{background:var(--panel);border-radius:10px;padding:12px 14px;display:flex;flex-direction:column}
.headline b{font-size:1.5rem;line-height:1.2}
.headline small{margin-top:4px}
.wide+.wide{margin-top:16px}
.wide{overflow-x:auto;max-width:100%;overflow-wrap:normal}
table{border-collapse:collapse;font-size:.87rem;min-width:100%}
th,td{text-align:left;padding:5px 10px 5px 0;border-bottom:1px solid var(--line);white-space:nowrap;font-weight:400;vertical-align:top}
thead th{color:var(--muted);font-size:.8rem;vertical-align:bottom}
tbody th{font-weight:600}
th small,td small{display:block;font-weight:400}
th:last-child,td:last-child{padding-right:2px}
.n{text-align:right}
tr:target{background:var(--soft)}
.bar{display:inline-block;height:.55em;background:var(--accent);opacity:.55;border-radius:2px;margin-right:6px}
.good{color:var(--good)}.fair{color:var(--warm)}.bad{color:var(--hot);font-weight:600}
svg{display:block;overflow:visible}
svg text{fill:var(--ink);font-size:11px}
svg .tick,svg .name,svg .figure{fill:var(--muted);font-size:10px}
.graph{width:100%}
.graph .operator{font-size:12px;font-weight:600}
.graph .box{fill:var(--panel);stroke:var(--line)}
.graph .port{fill:none;stroke:var(--muted);stroke-dasharray:4 3}
.graph a:hover .box,.graph a:focus .box{stroke:var(--accent)}
.graph .edge{fill:none;stroke:var(--muted);stroke-width:1.3}
.graph .tip{fill:var(--muted)}
.graph .work{fill:var(--accent)}
.chart{width:100%;max-width:480px}
.grid{stroke:var(--line);fill:none}
.limit{stroke:var(--hot);stroke-dasharray:3 3;fill:none}
.soft{fill:var(--soft);opacity:.6}
.curve{fill:none;stroke:var(--accent);stroke-width:1.6}
.dot{fill:var(--accent)}
.exact{fill:none;stroke:var(--muted)}
.curve.c1{stroke:var(--warm);stroke-dasharray:7 3}.dot.c1{fill:var(--warm)}
.curve.c2{stroke:var(--blue);stroke-dasharray:3 3}.dot.c2{fill:var(--blue)}
.curve.c3{stroke:var(--hot);stroke-dasharray:9 3 2 3}.dot.c3{fill:var(--hot)}
.curve.c4{stroke:var(--muted);stroke-dasharray:1.5 2.5}.dot.c4{fill:var(--muted)}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,300px),1fr));gap:12px}
.cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(230px,1fr));gap:12px}
figure{margin:0;background:var(--panel);border-radius:10px;padding:10px 12px;min-width:0}
figure svg{width:100%;margin:4px 0}
figcaption{display:flex;justify-content:space-between;gap:8px;font-size:.8rem}
figcaption b{overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
figcaption span{color:var(--muted);white-space:nowrap;overflow:hidden;text-overflow:ellipsis}figcaption>*{min-width:0;max-width:100%}
figure small{display:block;line-height:1.35}
em{color:var(--warm);font-style:normal}
.held{fill:var(--soft)}
.counts{fill:var(--accent)}
.ends{stroke:var(--accent);fill:none;stroke-dasharray:2 2}
.axis{stroke:var(--line);fill:none}
.memory{display:grid;grid-template-columns:minmax(0,11rem) minmax(0,1fr);gap:8px}
.memory>div{overflow:hidden;min-width:0}.memory svg{overflow:hidden}
.memory .step{font-size:10px;fill:var(--muted)}
.memory .full{font-weight:700;fill:var(--ink)}
.buffer{fill:var(--soft);stroke:var(--accent);stroke-opacity:.5}
.buffer.input{fill:var(--in)}.buffer.output{fill:var(--out)}
.memory .size{fill:var(--muted);font-size:10px}
.bound{stroke:var(--hot);stroke-width:2;stroke-dasharray:5 4}
.passes{padding-left:1.4em;margin:0}
.passes li{margin-bottom:10px}
.passes p{margin:2px 0}
.passes span{color:var(--muted)}
summary{cursor:pointer;color:var(--accent)}
.warnings{padding-left:1.2em;margin:0}
.warnings .warning b{color:var(--warm)}.warnings .error b{color:var(--hot)}
.warnings small{display:block}
@media (min-width:1000px){.pair{display:grid;grid-template-columns:350px minmax(0,1fr);gap:26px}}
@media (max-width:560px){.layers .bar{display:none}.layers th,.layers td{padding-right:7px}.cards{grid-template-columns:repeat(2,minmax(0,1fr));gap:8px}figcaption{flex-direction:column;gap:0}figure{padding:8px 9px}.memory{grid-template-columns:6.2rem minmax(0,1fr)}.memory .step{font-size:8.5px}.headline{grid-template-columns:1fr 1fr}.headline b{font-size:1.25rem}main{padding:16px 12px 48px}}
@media print{body{font-size:12px}details{display:none}}
`;
