"""The page `docs/evaluation.md`, every figure of it from a results file."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

Cells = Mapping[str, Any]

_WORST_SHAPES = 8

_GROUP_TITLES = {
    "by_yaw_degrees": "turned by (degrees)",
    "by_age": "age",
    "by_race": "group of people (FairFace's names)",
    "by_gender": "gender (FairFace's names)",
    "by_brightness": "brightness of the light",
    "by_contrast": "contrast of the light",
    "by_seen": "dense points seen",
}


def page(results: Mapping[str, Cells]) -> str:
    """The whole page, in Markdown.

    Args:
        results: what `evaluate` wrote, by the file's name as the page shows it. A measure that several files hold is
            taken from the last of them.
    """
    measures: dict[str, Cells] = {}
    for cells in results.values():
        measures |= cells["measures"]
    sections = {
        "vertices": _vertices,
        "outside": _outside,
        "fairface": _fairface,
        "london": _london,
        "detection": _detection,
        "same-person": _same_person,
        "fusion": _fusion,
        "morphs": _morphs,
        "costs": _costs,
    }
    parts = [_head(results), *(write(measures[name]) for name, write in sections.items() if name in measures)]
    return "\n".join(parts)


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; the first column is text, the others are numbers."""
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def number(estimate: Cells | None, digits: int = 2, factor: float = 1.0, signed: bool = False) -> str:
    """An estimate with its interval, "2.53 (2.41 to 2.66)"; a dash where there is none."""
    if estimate is None or estimate["value"] is None:
        return "–"

    def text(value: float) -> str:
        # Adding zero turns a rounded −0.00 into 0.00.
        return f"{round(factor * value, digits) + 0.0:{'+' if signed else ''}.{digits}f}".replace("-", "−")

    if estimate["low"] is None:
        return text(estimate["value"])
    return f"{text(estimate['value'])} ({text(estimate['low'])} to {text(estimate['high'])})"


def percent(estimate: Cells | None) -> str:
    """A share as per cent with its interval."""
    return number(estimate, 1, 100)


def _head(results: Mapping[str, Cells]) -> str:
    text = "# Evaluation\n\n" + _paragraph(
        f"Written by `face2mesh lab tables {' '.join(results)}`: change the results, not this page. Figures in "
        "parentheses are intervals: how far a figure would move with other people of the same kind and the same model, "
        "not what another training would give."
    )
    for source, cells in results.items():
        made, model = cells["provenance"], cells["model"]
        configuration = made["configuration"]
        versions = ", ".join(f"{name} {version}" for name, version in sorted(made["versions"].items()))
        hashes = ", ".join(f"`{name}` {digest[:12]}" for name, digest in sorted(model["files"].items()))
        parts = ", ".join(sorted(f"{name} {found['seconds']:.0f} s" for name, found in cells["measures"].items()))
        intervals = (
            f"{100 * configuration['level']:.0f} %, BCa bootstrap over people, {configuration['resamples']:,} "
            f"resamples, seed {made['seed']}"
        )
        rows = {
            "model": f"{model['name']} {model['version']}: {hashes}",
            "command": f"`{made['command']}`",
            "took": f"{cells['seconds']:.0f} s ({parts})",
            "machine": f"{made['system']}, {made['processors']} processors; {versions}",
            "intervals": intervals,
        }
        lines = "".join(f"| {name} | {value} |\n" for name, value in rows.items())
        text += f"\n| `{source}` | |\n| --- | --- |\n{lines}"
    return text


def _paragraph(text: str) -> str:
    return textwrap.fill(text, 120, break_long_words=False, break_on_hyphens=False) + "\n"


def _vertices(cells: Cells) -> str:
    text = "## Vertex error on rendered held-out people\n\n" + _paragraph(
        f"{cells['pictures']:,} pictures of {cells['people']:,} people that training never saw, with skins and "
        "backgrounds of their own; mean distance in mm over face and ears (`face_and_ears`) after alignment on the "
        "same vertices. The face box is given. *Mean head*: the base head for everyone. *Population*: the mean true "
        "head of all the other people. *Linear decoder*: the codes and weights that the same encoder gave, through "
        "the corpus's linear basis, which has as many numbers as the code. *Decoders alone*: the true codes through "
        "the network's decoders. **Gain**: 1 − error / mean head's error, in per cent, paired."
    )
    text += "\n"
    text += _vertex_table(cells["all"], _VERTEX_COLUMNS)
    return text + "\n" + _vertex_groups(cells)


_VERTEX_COLUMNS = (
    ("error", "error_mm"),
    ("mean head", "mean_head_mm"),
    ("population", "population_mm"),
    ("best in the span", "best_in_span_mm"),
    ("linear decoder", "linear_mm"),
    ("error − linear", "error_minus_linear_mm"),
    ("decoders alone", "decoders_mm"),
)


def _vertex_table(cells: Cells, columns: Sequence[tuple[str, str]]) -> str:
    """Rows: neutral and expressed, after similarity and rigid alignment."""
    shown = [(title, name) for title, name in columns if name in cells["neutral"]["similarity"]]
    rows = []
    for head in ("neutral", "expressed"):
        for alignment in ("similarity", "rigid"):
            cell = cells[head][alignment]
            values = [
                number(cell[name], 3 if name == "error_minus_linear_mm" else 2, signed="minus" in name)
                for _, name in shown
            ]
            gains = [percent(cell["gain"]), percent(cell["gain_over_population"])]
            rows.append([f"{head}, {alignment}", *gains, *values])
    return table(["head, alignment", "gain", "gain over population", *(title for title, _ in shown)], rows)


def _vertex_groups(cells: Cells) -> str:
    """A table for each way to group the pictures: after similarity."""
    text = "By group, after similarity:\n"
    for name, title in _GROUP_TITLES.items():
        if name in cells:
            rows = [
                [
                    group,
                    str(cell["pictures"]),
                    *(
                        value
                        for head in ("neutral", "expressed")
                        for value in (
                            percent(cell[head]["similarity"]["gain"]),
                            number(cell[head]["similarity"]["error_mm"]),
                        )
                    ),
                ]
                for group, cell in _in_order(cells[name])
            ]
            header = [title, "pictures", "gain, neutral", "error, neutral", "gain, expressed", "error, expressed"]
            text += "\n" + table(header, rows)
    return text


def _outside(cells: Cells) -> str:
    text = "## Vertex error on people outside the span\n\n" + _paragraph(
        f"{cells['pictures']:,} pictures of {cells['people']:,} faces that are not draws from the corpus's modes, "
        "rendered like the others. *Best in the span*: the nearest head that the corpus's modes can make, with any "
        "codes: what is left there no code can tell."
    )
    text += "\n"
    return text + _vertex_table(cells["all"], _VERTEX_COLUMNS) + "\n" + _vertex_groups(cells)


def _fairface(cells: Cells) -> str:
    detected, fixed = cells["detected"], cells["fixed_box"]
    text = "## Landmarks on FairFace's validation photos\n\n" + _paragraph(
        f"{cells['photos']:,} photos, against MediaPipe's pseudo-landmarks; mean point error in per cent of √(w·h) of "
        "the given points' box; points outside the picture do not count. *Fixed box*: the same for every photo. "
        f"*Detected*: our detector in the tight crop as it is; it missed {detected['not_detected']:,} photos, which "
        "count with the fixed box only."
    )
    text += "\n"
    kinds = [
        ("fixed box, all photos", fixed["all"]),
        ("fixed box, photos where the face is detected", cells["fixed_box_where_detected"]),
        ("detected", detected["all"]),
    ]
    noise = cells.get("labels_noise")
    if noise:
        kinds.append(
            (f"the labels' own noise: MediaPipe {cells['mediapipe_version']} on mirrored photos", noise["all"])
        )
    rows = [
        [title, str(cell["photos"]), number(cell["nme_68_percent"]), number(cell["nme_51_percent"])]
        for title, cell in kinds
        if cell
    ]
    text += table(["start", "photos", "NME-68", "NME-51"], rows) + "\nBy group, from the fixed box:\n"
    for name, title in _GROUP_TITLES.items():
        if name not in fixed:
            continue
        header = [title, "photos", "NME-68", "NME-51", "NME-51 − everyone else's", "NME-51, detected (photos)"]
        header += ["labels' noise, NME-51"] if noise else []
        rows = []
        for group, cell in _in_order(fixed[name]):
            found = detected[name].get(group)
            row = [group, str(cell["photos"]), number(cell["nme_68_percent"]), number(cell["nme_51_percent"])]
            row.append(number(cell["nme_51_minus_others_percent"], signed=True))
            row.append(f"{number(found['nme_51_percent'])}, {found['photos']}" if found else "–")
            if noise:
                row.append(number(noise[name][group]["nme_51_percent"]))
            rows.append(row)
        text += "\n" + table(header, rows)
    return text


def _london(cells: Cells) -> str:
    text = "## Points placed by people (London set)\n\n" + _paragraph(
        f"{cells['people']} people's neutral portraits that nothing was made from, found by our own detector "
        f"({cells['not_detected']} not found); 43 inner points, mean error in per cent of the box after one constant "
        "offset a point, fitted on the other half of the people, is removed. Only ratios within this table count."
    )
    text += "\n"
    rows = [["Face2Mesh", number(cells["model_percent"])]]
    if "mediapipe_percent" in cells:
        rows += [
            [f"MediaPipe {cells['mediapipe_version']}", number(cells["mediapipe_percent"])],
            ["MediaPipe on mirrored photos", number(cells["mediapipe_mirrored_percent"])],
            ["MediaPipe against its mirrored run", number(cells["mediapipe_against_its_mirrored_run_percent"])],
            ["Face2Mesh − MediaPipe", number(cells["model_minus_mediapipe_percent"], signed=True)],
        ]
    rows += [
        ["the mean shape, without looking", number(cells["mean_shape_percent"])],
        ["Face2Mesh − the mean shape", number(cells["model_minus_mean_shape_percent"], signed=True)],
    ]
    return text + table(["", "human NME"], rows)


def _detection(cells: Cells) -> str:
    """What was found, of what; a set that was not measured is left out."""
    rows = [[f"London set, {cells['london']['photos']} photos", _share(cells["london"], "photos")]]
    pictures = cells.get("scikit_image")
    if isinstance(pictures, Mapping):
        alarms = pictures["false_alarms"]
        rows += [
            [f"false alarms on scikit-image's {pictures['pictures']} pictures without people", str(len(alarms))],
            ["scikit-image's astronaut", "found" if pictures["astronaut_found"] else "not found"],
        ]
    rows += [[f"turned by {degrees}°", _share(found, "tried")] for degrees, found in _in_order(cells.get("tilt", {}))]
    rows += [
        [f"faces of {side} pixels in a picture of 320", _share(found, "tried")]
        for side, found in _in_order(cells.get("size", {}))
    ]
    if "several" in cells:
        rows.append(["twelve faces in one picture", _share(cells["several"], "faces")])
    fairface = cells.get("fairface", {})
    for name, what in (("with_border", "with a border of 64 pixels"), ("as_it_is", "as they are")):
        if name in fairface:
            rows.append(
                [f"FairFace's validation photos {what}", f"{fairface[name]['found']:,} of {fairface['photos']:,}"]
            )
    return "## Detection\n\n" + table(["", "found"], rows)


def _share(cells: Cells, of: str) -> str:
    return f"{cells['found']:,} of {cells[of]:,}"


def _same_person(cells: Cells) -> str:
    """What fusing brings, by how many photos; and whether two photos give the same person."""
    rendered, london = cells["rendered"], cells["london"]
    text = "## Several photos of one person\n\n" + _paragraph(
        f"{rendered['people']} rendered held-out people, {rendered['pictures_of_each']} pictures of each with other "
        "expression, pose, light and clothes; neutral heads over face and ears after similarity alignment. *Plain "
        "mean*: of the codes, without weights and factor."
    )
    rows = []
    for count, found in _in_order(rendered["by_photos"]):
        cell = found["similarity"]
        plain = number(cell.get("plain_mean_error_mm"))
        rows.append([str(count), number(cell["error_mm"]), percent(cell["gain"]), plain])
    text += "\n" + table(["photos", "error, mm", "gain over the mean head, %", "plain mean, mm"], rows)
    text += "\n" + _paragraph(f"The neutral and the smiling photo of {london['people']} of London's people:")
    rows = [
        ["neutral heads of one person's two photos apart, mm", number(london["same_person_mm"])],
        ["of different people, mm", number(london["different_people_mm"])],
        ["people whose smiling photo is nearest to their own neutral one, %", percent(london["recognised"])],
        ["human NME of one photo's head, %", number(london["one_photo_percent"])],
        ["of the head of both photos, %", number(london["fused_percent"])],
    ]
    return text + "\n" + table(["", ""], rows)


def _fusion(cells: Cells) -> str:
    """What the fusing of photos rests on."""
    return "## How one person's photos differ\n\n" + _paragraph(
        f"On {cells['people']} other rendered people, {cells['pictures_of_each']} pictures of each, from whom "
        f"`face2mesh/model/fusion.py` has its two numbers: σ₀ {number(cells['floor'], 3)} face boxes, r "
        f"{number(cells['agreement'], 3)}."
    )


def _morphs(cells: Cells) -> str:
    """What adding shapes up loses: combinations, the worst single shapes, the jaw's bone."""
    together, bone = cells["combinations"], cells["jaw_bone"]
    largest, most = together["largest_mm"], together["99_percent_of_vertices_within_mm"]
    text = "## Morph targets against the decoder\n\n" + _paragraph(
        f"Neutral + Σ weight · morph, as engines add, against the decoder's own head, mm: {cells['people']} random "
        f"people, {together['count']:,} random combinations as people make them. A single shape at weight 1 is the "
        "decoder's by definition."
    )
    rows = [
        ["largest over all vertices, median combination", f"{largest['median']:.2f}"],
        ["the same, one combination in twenty above", f"{largest['p95']:.2f}"],
        ["the same, worst combination", f"{largest['max']:.2f}"],
        ["99 % of the vertices are within, median combination", f"{most['median']:.2f}"],
        ["mean over vertices", f"{together['mean_over_vertices_mm']:.3f}"],
        ["for comparison: the largest motion, median combination", f"{together['the_head_moves_mm']:.1f}"],
        [
            f"jaw bone turned by {bone['turn_degrees']:.1f}° against `jawOpen`, mean over what moves",
            f"{bone['mean_over_moving_skin_mm']:.2f}",
        ],
    ]
    text += "\n" + table(["", "mm"], rows)
    single = {name: max(found.values()) for name, found in cells["by_expression"].items()}
    worst = sorted(single, key=lambda name: -single[name])[:_WORST_SHAPES]
    text += "\nThe shapes that bend most between 0 and 1:\n\n"
    return text + table(["shape", "largest, mm"], [[f"`{name}`", f"{single[name]:.2f}"] for name in worst])


def _costs(cells: Cells) -> str:
    rows = [["one portrait of 768², cold, whole process", f"{cells['cold_portrait_seconds']['median']:.2f} s"]]
    if "cold_textured_glb_seconds" in cells:
        what = f"the same as GLB with shapes, bones and a texture of 1024² ({cells['textured_glb_bytes'] / 1e6:.1f} MB)"
        rows.append([what, f"{cells['cold_textured_glb_seconds']['median']:.2f} s"])
    rows += [
        [f"{cells['batch_photos']} portraits in one call", f"{cells['batch_ms_a_photo']:.0f} ms each"],
        ["`import face2mesh`", f"{cells['import_seconds']:.3f} s"],
        ["peak memory, a portrait", f"{cells['portrait_peak_mib']:.0f} MiB"],
        [f"peak memory, {cells['batch_photos']} portraits", f"{cells['batch_peak_mib']:.0f} MiB"],
        ["packaged model", f"{cells['model_mib']:.1f} MiB"],
        ["base installation, sum of its distributions", f"{cells['installed_mib']['total']:.0f} MiB"],
    ]
    return f"## Cost\n\nMedians, on {cells['processors']} processors.\n\n" + table(["", "cost"], rows)


def _in_order(groups: Cells) -> list[tuple[str, Any]]:
    """Groups in a reader's order: by the number that they start with, then words, "more than 70" and "highest" last."""

    def key(name: str) -> tuple[int, int, str]:
        first = name.replace("-", " ").split()[0]
        if first.isdigit() or first == "below":
            return (0, int(first) if first.isdigit() else -1, name)
        ranks = {"lowest third": 1, "middle third": 2, "highest third": 3}
        return (1, ranks.get(name, 0), name)

    return sorted(groups.items(), key=lambda item: key(item[0]))
