"""The annual report as plain texts for the printer, in the language of the reader."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from province.console.annex import Writer, chapters
from province.console.display import Words
from province.model.annex import LineView, ReportView, TargetView
from province.model.goal import Outcome
from province.model.label import Label
from province.model.time import CIVIL_ZONE, parse_instant

TEMPLATE: Final = "annual_report"
_OUTCOMES: Final[Mapping[Outcome, Label]] = {
    "met": Label("Đạt", "Met"),
    "not_met": Label("Chưa đạt", "Not met yet"),
    "no_data": Label("Chưa có", "Not yet measured"),
}
_COMPARED: Final = {
    "at least": Label("tối thiểu", "at least"),
    "more than": Label("trên", "more than"),
    "at most": Label("tối đa", "at most"),
    "less than": Label("dưới", "less than"),
    "about": Label("khoảng", "about"),
}
_COLUMNS: Final = (
    (Label("Dòng", "Line"), 4),
    (Label("Nội dung", "As written"), 26),
    (Label("Chỉ tiêu và giá trị đo được", "Target and measured value"), 22),
    (Label("Cơ quan chủ trì", "Owner"), 13),
    (Label("Kiểm chứng", "Check"), 14),
)
_DTI: Final = (
    (Label("Năm", "Year"), 1),
    (Label("Điểm", "Score"), 1),
    (Label("Hạng", "Rank"), 1),
    (Label("Cách đơn vị dẫn đầu", "Gap to the leader"), 2),
    (Label("Nguồn", "Source"), 5),
)
_SOURCES: Final = ((Label("Văn bản", "Edition"), 2), (Label("Ngày", "Day"), 1), (Label("Nguồn", "Source"), 7))
_NOTHING: Final = Label("chưa có", "no data")
Cell = list[dict[str, Any]]


def document(report: ReportView, language: str, author: Label) -> dict[str, Any]:
    """The data of the template `annual_report`."""
    return _Page(language).document(report, author)


class _Page:
    def __init__(self, language: str) -> None:
        self.language = language
        self.words = Words(language)
        self.write = Writer(self.words)

    def say(self, vi: str, en: str) -> str:
        return en if self.language == "en" else vi

    def document(self, report: ReportView, author: Label) -> dict[str, Any]:
        annex = report.annex
        written = parse_instant(report.written_at).astimezone(CIVIL_ZONE).strftime("%d/%m/%Y %H:%M")
        day = self.write.day(annex.day)
        counts = annex.counts()
        lines = self.say("dòng của Phụ lục XIV", "lines of Annex XIV")
        sums = [{"figure": str(len(annex.lines)), "label": lines}]
        sums += [{"figure": str(counts[o]), "label": said.in_(self.language).lower()} for o, said in _OUTCOMES.items()]
        sections = [
            self._section(f"{c.code}. {c.name.in_(self.language)}", [self._row(one) for one in c.lines])
            for c in chapters(annex)
        ]
        commitments = self.say("Cam kết trong nội dung quy hoạch", "Commitments of the chapter")
        sections.append(self._section(commitments, [self._row(one) for one in annex.commitments]))
        sections += self._indices(report)
        sections.append(self._sources(report))
        return {
            "lang": self.language,
            "title": self.say(
                f"Báo cáo thực hiện Phụ lục XIV năm {report.year}", f"Implementation report of Annex XIV, {report.year}"
            ),
            "author": author.in_(self.language),
            "kicker": self.say(
                "Quy hoạch tỉnh Bình Dương thời kỳ 2021–2030, tầm nhìn đến năm 2050",
                "Plan of Bình Dương province 2021–2030, vision 2050",
            ),
            "state": self.say(
                f"Số liệu đến ngày {day}"
                + ("." if report.complete else "; năm chưa kết thúc.")
                + " Hệ thống tự lập từ dữ liệu của mình; giá trị mô phỏng và ước tính không được tính.",
                f"As of {day}"
                + ("." if report.complete else "; the year is not over.")
                + " Written by the system from its own data; simulated and estimated values do not count.",
            ),
            "sums": sums,
            "sections": sections,
            "footer": self.say(f"Lập lúc {written} (giờ Việt Nam)", f"Written at {written} (Vietnam time)"),
        }

    def _section(
        self,
        title: str,
        rows: list[list[Cell]],
        columns: Sequence[tuple[Label, int]] = _COLUMNS,
        note: str = "",
    ) -> dict[str, Any]:
        return {
            "title": title,
            "note": note,
            "empty": _NOTHING.in_(self.language),
            "columns": [{"title": label.in_(self.language), "width": width} for label, width in columns],
            "rows": rows,
        }

    def _row(self, line: LineView) -> list[Cell]:
        owners = [_text(o.name) for o in line.owners]
        return [
            [_text(line.code, strong=True)],
            [_text(line.text.in_(self.language)), *self._work(line)],
            [part for t in line.targets for part in self._target(t)]
            or [_text(self.say("không nêu số", "no number stated"), soft=True)],
            owners or [_text(_NOTHING.in_(self.language), soft=True)],
            [
                _text(_OUTCOMES[line.check.outcome].in_(self.language), strong=True),
                _text(line.check.evidence.in_(self.language), soft=True),
            ],
        ]

    def _target(self, target: TargetView) -> Iterable[dict[str, Any]]:
        goal = target.goal
        compared = _COMPARED[goal.comparator].in_(self.language)
        aim = f"{compared} {self.write.quantity(goal.value, goal.unit)} ({goal.due_year})"
        yield _text(f"{target.title.in_(self.language)}: {aim}")
        measured = target.measured
        if measured is not None and measured.value is not None and not target.why_not:
            value = self.write.measured(measured.value, measured.unit, goal)
            yield _text(self.say(f"Đo được: {value}", f"Measured: {value}"), strong=True)
        else:
            yield _text(self.say("Đo được: chưa có", "Measured: not yet"), soft=True)
        if measured is not None and measured.left_out:
            left = ", ".join(f"{self.words.number(n, 0)} {self.words.origin(o)}" for o, n in measured.excluded.items())
            yield _text(self.say(f"Không tính {left}", f"{left} left out"), soft=True)
        if not target.from_plan:
            yield _text(self.say(f"Theo {target.edition}", f"Set by {target.edition}"), soft=True)

    def _work(self, line: LineView) -> Iterable[dict[str, Any]]:
        for p in line.projects:
            if p.capital is None or p.disbursed is None:
                sums = _NOTHING.in_(self.language)
            else:
                sums = f"{self.write.money(p.disbursed)} / {self.write.money(p.capital)}"
            what = self.say("Dự án", "Project")
            yield _text(f"{what} {p.code}: {p.title}; {sums}; {p.status.in_(self.language)}", soft=True)
        for m in line.milestones:
            state = self.say("quá hạn", "late") if m.late else m.status.in_(self.language)
            yield _text(f"{self.say('Mốc', 'Milestone')}: {m.title}; {self.write.day(m.due_on)}; {state}", soft=True)

    def _indices(self, report: ReportView) -> Iterable[dict[str, Any]]:
        for series in report.annex.indices:
            rows = [
                [
                    [_text(str(y.year))],
                    [_text(self.words.number(y.score, 4))],
                    [_text(f"{y.rank} / {y.units}")],
                    [_text(_NOTHING.in_(self.language) if y.gap is None else self.words.number(y.gap, 4))],
                    [_text(f"{y.said.source.in_(self.language)} ({self.write.day(y.said.date)})", soft=True)],
                ]
                for y in series.years
                if y.year <= report.year
            ]
            yield self._section(
                self.say(
                    f"Chỉ số chuyển đổi số (DTI), ấn bản {series.edition} đơn vị",
                    f"Digital transformation index (DTI), edition of {series.edition} units",
                ),
                rows,
                _DTI,
                self.say("Không nối với ấn bản khác.", "Not joined with other editions."),
            )

    def _sources(self, report: ReportView) -> dict[str, Any]:
        """Every document that a target of the report comes from."""
        said = {
            (t.edition, t.said.date, t.said.source.in_(self.language)): t
            for line in report.annex.everything
            for t in line.targets
        }
        rows = [
            [[_text(edition)], [_text(self.write.day(date))], [_text(source, soft=True)]]
            for edition, date, source in sorted(said)
        ]
        return self._section(self.say("Nguồn của các chỉ tiêu", "Sources of the targets"), rows, _SOURCES)


def _text(text: str, *, strong: bool = False, soft: bool = False) -> dict[str, Any]:
    return {"text": text, "strong": strong, "soft": soft}
