"""The page's own style: dense and calm, in light and dark. Neutral colours are shares of the text's own colour."""

from __future__ import annotations

from typing import Final

from serving.dashboard.display.urgency import INFO, LOOKS

_BADGES: Final = "".join(f".az-{name} {{ background: {look.colour}; }}\n" for name, look in (*LOOKS.items(), ("info", INFO)))
_ZONES: Final = "".join(f".az-zone-{name} {{ background: {look.colour}; }}\n" for name, look in LOOKS.items())

STYLE: Final = f"""
<style>
.stMainBlockContainer {{ padding: 0.8rem 2rem 3rem 2rem; max-width: 1700px; }}
[data-testid="stMain"] h1 {{ font-size: 1.5rem; font-weight: 600; padding: 0; }}
[data-testid="stMain"] h2, [data-testid="stMain"] h3 {{ font-size: 1.05rem; font-weight: 600; padding: 0.3rem 0 0 0; }}
[data-testid="stHeader"] {{ background: transparent; height: 2.6rem; min-height: 0; pointer-events: none; }}
[data-testid="stHeader"] * {{ pointer-events: none; }}
[data-testid="stHeader"] button, [data-testid="stHeader"] button * {{ pointer-events: auto; }}
.az-nav {{ display: flex; flex-wrap: wrap; align-items: center; gap: 2px 4px; font-size: 0.9rem; margin-right: 3rem; }}
.az-nav b {{ margin-right: 14px; letter-spacing: 0.02em; }}
.az-nav a {{ color: inherit; text-decoration: none; padding: 4px 10px; border-radius: 5px; border-bottom: 2px solid transparent; }}
.az-nav a:hover {{ background: color-mix(in srgb, currentColor 8%, transparent); }}
.az-nav a[aria-current] {{ font-weight: 600; border-bottom-color: currentColor; border-radius: 5px 5px 0 0; }}
.az-banner {{ background: #F7E3A1; color: #222; border-left: 4px solid #8A6D00; border-radius: 4px; padding: 5px 12px; font-size: 0.88rem;
  margin: 0 0 4px 0; }}
.az-badge {{ color: #111; border-radius: 4px; padding: 1px 7px; font-size: 0.8rem; font-weight: 600; white-space: nowrap; }}
{_BADGES}
[data-testid="stCaptionContainer"], [data-testid="stCaptionContainer"] p {{ color: inherit; opacity: 0.92; }}
[data-testid="stBaseButton-primary"]:not(:disabled) p, [data-testid="stMultiSelect"] span[title] {{ color: light-dark(#FFFFFF, #0E1117); }}
.az-faint {{ opacity: 0.8; font-size: 0.85em; }}
.az-scroll {{ overflow-x: auto; border: 1px solid color-mix(in srgb, currentColor 18%, transparent); border-radius: 6px; }}
.az-table {{ width: 100%; border-collapse: collapse; font-size: 0.86rem; line-height: 1.3; font-variant-numeric: tabular-nums; }}
.az-table caption {{ position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }}
.az-table th, .az-table td {{ padding: 6px 10px; text-align: left; vertical-align: top; border: 0;
  border-bottom: 1px solid color-mix(in srgb, currentColor 10%, transparent); }}
.az-table tbody tr:last-child > * {{ border-bottom: 0; }}
.az-table thead th {{ font-size: 0.76rem; font-weight: 600; white-space: nowrap; background: color-mix(in srgb, currentColor 6%, transparent); }}
.az-table tbody th {{ font-weight: 600; white-space: nowrap; }}
.az-table tbody tr:hover {{ background: color-mix(in srgb, currentColor 4%, transparent); }}
.az-table .az-number {{ text-align: right; white-space: nowrap; }}
.az-table .az-wide {{ min-width: 17rem; }}
.az-name {{ font-size: 1.25rem !important; }}
.az-table a, .az-state a, .az-name a, .az-link {{ color: inherit; font-weight: 600; }}
.az-table a {{ text-decoration: underline; text-underline-offset: 2px; }}
.az-nowrap {{ white-space: nowrap; }}
.az-sub {{ display: block; font-weight: 400; font-size: 0.78rem; opacity: 0.8; white-space: nowrap; }}
.az-life {{ display: inline-flex; align-items: center; gap: 8px; }}
.az-life-number {{ min-width: 3.4rem; text-align: right; font-weight: 600; }}
.az-track {{ position: relative; display: inline-block; width: 120px; height: 12px; border-radius: 3px;
  background: color-mix(in srgb, currentColor 12%, transparent); overflow: hidden; }}
.az-interval {{ position: absolute; top: 0; bottom: 0; border-radius: 2px; }}
.az-point {{ position: absolute; top: 0; bottom: 0; width: 3px; margin-left: -1px; background: currentColor; }}
.az-cards {{ display: flex; flex-wrap: wrap; gap: 10px; margin: 0; padding: 0; }}
.az-card {{ flex: 1 1 105px; min-width: 105px; padding: 8px 12px; border-radius: 6px; margin: 0;
  border: 1px solid color-mix(in srgb, currentColor 18%, transparent); border-left-width: 4px; }}
.az-card-name, .az-card-note {{ font-size: 0.76rem; opacity: 0.85; }}
.az-card-value {{ font-size: 1.3rem; font-weight: 600; font-variant-numeric: tabular-nums; line-height: 1.25; }}
.az-gauges {{ display: grid; grid-template-columns: repeat(auto-fill, minmax(190px, 1fr)); gap: 10px; margin: 0 !important; padding: 0 !important; list-style: none; }}
.az-gauges li {{ padding: 8px 12px; margin: 0 !important; border: 1px solid color-mix(in srgb, currentColor 18%, transparent); border-radius: 6px; }}
.az-gauge-head {{ display: flex; justify-content: space-between; align-items: baseline; font-size: 0.82rem; gap: 6px; }}
.az-gauge-head b {{ font-size: 1.05rem; font-variant-numeric: tabular-nums; white-space: nowrap; }}
.az-gauge {{ position: relative; display: flex; width: 100%; height: 10px; margin: 6px 0 4px 0; }}
.az-zone {{ height: 100%; opacity: 0.75; }}
.az-zone:first-child {{ border-radius: 3px 0 0 3px; }}
{_ZONES}
.az-zone-healthy {{ opacity: 0.45; }}
.az-zone-between {{ background: color-mix(in srgb, currentColor 16%, transparent); opacity: 1; }}
.az-needle {{ position: absolute; top: -4px; bottom: -4px; width: 3px; margin-left: -1px; background: currentColor; border-radius: 1px; }}
.az-gauge-foot {{ font-size: 0.74rem; opacity: 0.85; }}
.az-state {{ border: 1px dashed color-mix(in srgb, currentColor 35%, transparent); border-radius: 6px; padding: 14px 16px; font-size: 0.92rem; }}
.az-state b {{ display: block; margin-bottom: 2px; }}
.az-text {{ white-space: pre-line; overflow-wrap: anywhere; font-size: 0.9rem; }}
.az-reasons {{ margin: 0; padding-left: 1.2rem; font-size: 0.9rem; }}
.az-reasons li {{ margin: 0 0 3px 0; }}
@media (max-width: 900px) {{ .az-track {{ width: 80px; }} .az-table th, .az-table td {{ padding: 5px 7px; }} }}
@media print {{ [data-testid="stSidebar"], [data-testid="stHeader"] {{ display: none; }} }}
</style>
"""
