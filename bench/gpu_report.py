"""What is made of a result of marquee-gpu-bench: rows of the table, and a plot."""

import math
import statistics


def pick(document, figure, **settings):
    """The figures of that name with those settings."""
    return [
        f
        for f in document["figures"]
        if f["figure"] == figure and all(f.get(name) == value for name, value in settings.items())
    ]


def best(document, figure, **settings):
    """The one with the highest median; of several batch sizes, the one that suits best."""
    return max(pick(document, figure, **settings), key=lambda f: f["median"], default=None)


def rows(report, document):
    """Rows of `report` (run.py), of the figures that the result holds."""
    thrust = "thrust sort + reduce"
    for keys, skew, at_least, aim in (
        (10_000, "zipf-1.0", 15, 25),
        (1_000_000, "zipf-1.0", 8, 15),
        (10_000_000, "uniform", 4, 8),
    ):
        at = {"keys": keys, "skew": skew}
        if ours := best(document, "aggregate", engine="cuda", **at):
            note = f"batches of {ours['batch']:,}; {ours['share_of_device_copy']:.2f} of the device's copy"
            if cpu := best(document, "aggregate", engine="cpu", **at):
                note += f"; the CPU engine on {cpu['cores']} cores {cpu['median']:.3g}"
            report.row(f"GPU: aggregate, {keys:,} keys, {skew} (G events/s)", ours["median"], at_least, aim, note=note)
    for keys in (10_000, 1_000_000, 10_000_000):
        hot = best(document, "aggregate", engine="cuda", keys=keys, skew="hot-30%")
        even = best(document, "aggregate", engine="cuda", keys=keys, skew="uniform")
        if hot and even:
            report.row(f"GPU: 30 % on one of {keys:,} keys / uniform (speed)", hot["median"] / even["median"], 0.9, 1.0)
    for keys, at_least, aim in ((10_000, 2, 3), (1_000_000, 1.2, 2)):
        at = {"keys": keys, "skew": "zipf-1.0"}
        ours, theirs = (
            best(document, "aggregate", engine="cuda", **at),
            best(document, "aggregate", engine=thrust, **at),
        )
        if ours and theirs:
            report.row(
                f"GPU: aggregate / Thrust sort + reduce, {keys:,} keys, zipf-1.0 (speed)",
                ours["median"] / theirs["median"],
                at_least,
                aim,
                note=f"{ours['median']:.3g} against {theirs['median']:.3g} G events/s",
            )
    if pinned := best(document, "pinned_to_aggregated"):
        report.row(
            "GPU: pinned host memory → aggregated, 16 bytes an event / PCIe copy",
            pinned["share_of_pcie_copy"],
            0.85,
            0.95,
            note=f"{pinned['median']:.3g} G events/s, batches of {pinned['batch']:,}",
        )
    if handed := pick(document, "hand_over_to_aggregated", batch=65_536):
        report.row(
            "GPU: a batch of 64 K events handed over → aggregated, p50 (us)",
            handed[0]["median"],
            80,
            50,
            False,
            note=f"p99 {handed[0]['p99']:.0f}",
        )
    for floor, at_least, aim in (("no", 0.6, 0.3), ("yes", 0.2, 0.1)):
        ranked = pick(document, "rank", engine="cuda", rows=10_000_000, top=100, floor=floor)
        ranked = [f for f in ranked if f["spread"] != "tied"]
        if ranked:
            slowest = max(ranked, key=lambda f: f["median"])
            at = {name: slowest[name] for name in ("groups", "spread", "top")}
            note = f"slowest: {at['groups']:,} groups, {at['spread']}"
            if sort := pick(document, "rank", engine="cub radix sort of all", **at):
                note += f"; CUB's sort of all {sort[0]['median']:.3g}"
            what = "with a floor" if floor == "yes" else "without a floor"
            report.row(f"GPU: top-100 of 1e7 entries, {what} (ms)", slowest["median"], at_least, aim, False, note=note)
    for config, what, at_least, aim in (
        ("replay.toml", "one leaderboard", 0.95, 1.2),
        ("replay_five.toml", "five leaderboards", 1.0, 2),
    ):
        if replayed := document.get("replay", {}).get(config):
            net = {
                engine: statistics.median(replayed["seconds"][engine])
                - statistics.median(replayed["startup_seconds"][engine])
                for engine in ("cpu", "cuda")
            }
            report.row(
                f"GPU: replay of {replayed['events'] // 1_000_000} M events, {what} / CPU engine (speed)",
                net["cpu"] / net["cuda"],
                at_least,
                aim,
                note=f"{net['cuda']:.1f} against {net['cpu']:.1f} s, {replayed['cores']} cores; start-up apart",
            )


STYLE = """
  svg { font: 13px system-ui, 'DejaVu Sans', sans-serif; }
  .paper { fill: #fff; } text { fill: #1f2328; } .faint { fill: #59636e; } .line { stroke: #d1d9e0; }
  .cuda { fill: #0a7a3d; } .thrust { fill: #c77700; } .cpu { fill: #6e7781; }
  @media (prefers-color-scheme: dark) {
    .paper { fill: #0d1117; } text { fill: #f0f6fc; } .faint { fill: #9198a1; } .line { stroke: #3d444d; }
    .cuda { fill: #3fb950; } .thrust { fill: #e3a93a; } .cpu { fill: #9198a1; }
  }
"""


def escaped(text):
    return str(text).replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")


def svg(document):
    """Events a second by keys and skew, on a log axis: CUDA at its best batch size, Thrust, the CPU engine."""
    series = (
        ("cuda", "cuda", "CUDA engine's kernel (best batch size)"),
        ("thrust", "thrust sort + reduce", "Thrust sort + reduce"),
        ("cpu", "cpu", "CPU engine, all cores"),
    )
    groups = []
    for figure in pick(document, "aggregate", engine="cuda"):
        if (figure["keys"], figure["skew"]) not in groups:
            groups.append((figure["keys"], figure["skew"]))
    bars = [[best(document, "aggregate", engine=e, keys=k, skew=s) for _, e, _ in series] for k, s in groups]
    values = [bar["median"] for group in bars for bar in group if bar]
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))
    high = max(high, low + 1)

    left, top, height, bar, gap = 70, 92, 300, 32, 26
    group_width = len(series) * bar + gap
    width, bottom = max(left + len(groups) * group_width + 20, 820), top + height

    def y(value):
        return bottom - (math.log10(value) - low) / (high - low) * height

    gpu, machine = document["gpu"], document["machine"]
    title = "Aggregation of 16 M resident events: G events/s, log scale"
    about = f"{gpu['name']}, driver {gpu['driver']}; {machine['cpu']}, {machine['cores']} cores; {document['commit']}"
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {bottom + 62}" width="{width}" '
        f'height="{bottom + 62}" role="img" aria-label="{escaped(title)}">',
        f"<style>{STYLE}</style>",
        '<rect class="paper" width="100%" height="100%"/>',
        f'<text x="{left}" y="26" font-size="17" font-weight="600">{escaped(title)}</text>',
        f'<text class="faint" x="{left}" y="46">{escaped(about)}</text>',
    ]
    at = left
    for kind, _, name in series:
        out.append(f'<rect class="{kind}" x="{at}" y="58" width="12" height="12" rx="2"/>')
        out.append(f'<text x="{at + 18}" y="69">{escaped(name)}</text>')
        at += 40 + 7.2 * len(name)
    for decade in range(low, high + 1):
        line = y(10.0**decade)
        out.append(f'<line class="line" x1="{left}" x2="{width - 20}" y1="{line:.1f}" y2="{line:.1f}"/>')
        out.append(f'<text class="faint" x="{left - 8}" y="{line + 4:.1f}" text-anchor="end">{10.0**decade:g}</text>')
    for i, (keys, skew) in enumerate(groups):
        x = left + gap / 2 + i * group_width
        middle = x + len(series) * bar / 2
        for j, (kind, _, name) in enumerate(series):
            if not bars[i][j]:
                continue
            value = bars[i][j]["median"]
            tip = f"{name}, {keys:,} keys, {skew}: {value:.3g} G events/s"
            out.append(
                f'<rect class="{kind}" x="{x + j * bar:.1f}" y="{y(value):.1f}" width="{bar - 3}" '
                f'height="{max(bottom - y(value), 1):.1f}" rx="2"><title>{escaped(tip)}</title></rect>'
            )
            out.append(
                f'<text x="{x + j * bar + (bar - 3) / 2:.1f}" y="{y(value) - 4:.1f}" text-anchor="middle" '
                f'font-size="10">{value:.2g}</text>'
            )
        out.append(f'<text x="{middle:.1f}" y="{bottom + 20}" text-anchor="middle">{escaped(skew)}</text>')
        if keys != (groups[i - 1][0] if i else None):
            same = [n for n, (k, _) in enumerate(groups) if k == keys]
            center = left + gap / 2 + (same[0] + same[-1]) / 2 * group_width + len(series) * bar / 2
            out.append(
                f'<text x="{center:.1f}" y="{bottom + 42}" text-anchor="middle" font-weight="600">{keys:,} keys</text>'
            )
    out.append(f'<line class="line" x1="{left}" x2="{width - 20}" y1="{bottom}" y2="{bottom}" stroke-width="2"/>')
    return "\n".join(out) + "\n</svg>\n"
