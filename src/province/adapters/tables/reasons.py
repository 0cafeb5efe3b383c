"""Why a row was refused, in Vietnamese and English: what was given, what was expected, what to do."""

from __future__ import annotations

import re
from typing import Final

import msgspec

from province.errors import ProvinceError
from province.model.label import Label


class Reason(msgspec.Struct, frozen=True, kw_only=True):
    """column: of the file, or a field of the entity when no column stands for it."""

    column: str
    reason: Label
    remedy: Label


def reason(column: str, vi: str, en: str, remedy_vi: str = "", remedy_en: str = "") -> Reason:
    """A reason in both languages."""
    return Reason(column=column, reason=Label(vi, en), remedy=Label(remedy_vi, remedy_en))


def not_a_number(column: str, given: str, style: str) -> Reason:
    """A text that is no number in the style of the column."""
    sample = {"plain": "1234.5", "vi": "1.234,5", "en": "1,234.5"}[style]
    return reason(
        column, f"{_shown(given)} không phải là số.", f"{_shown(given)} is not a number.",
        f"Viết như {sample}, hoặc để trống.", f"Write it as {sample}, or leave it empty.",
    )  # fmt: skip


def not_a_moment(column: str, given: str, style: str) -> Reason:
    """A text that is no moment by the format of the column."""
    return reason(
        column, f"{_shown(given)} không phải là ngày giờ hợp lệ.", f"{_shown(given)} is no date that the calendar has.",
        f"Viết theo dạng {style}.", f"Write it as {style}.",
    )  # fmt: skip


def missing(column: str) -> Reason:
    """A cell that the row cannot do without."""
    return reason(
        column, "Thiếu giá trị bắt buộc.", "A value that is needed is missing.", "Điền giá trị.", "Fill it in."
    )


def unknown_value(column: str, given: str, known: list[str]) -> Reason:
    """A text that the value table lacks."""
    listed = ", ".join(known[:20])
    return reason(
        column, f"{_shown(given)} không có trong bảng giá trị.", f"{_shown(given)} is not in the value table.",
        f"Dùng một trong: {listed}.", f"Use one of: {listed}.",
    )  # fmt: skip


def outside(column: str, given: float, unit: str, low: float | None, high: float | None) -> Reason:
    """A number outside the declared range."""
    span = f"{'−∞' if low is None else f'{low:g}'}…{'∞' if high is None else f'{high:g}'}"
    return reason(
        column, f"{given:g} {unit} nằm ngoài {span}.", f"{given:g} {unit} is outside {span}.",
        "Kiểm tra giá trị và đơn vị.", "Check the value and its unit.",
    )  # fmt: skip


def structural(fault: str) -> Reason:
    """What the reader says of a row as a whole."""
    kind, _, rest = fault.partition(" ")
    if kind == "fields":
        has, wants = rest.split()
        return reason(
            "", f"Dòng có {has} ô, tiêu đề có {wants} cột.", f"The row has {has} cells, the header has {wants}.",
            "Kiểm tra dấu phân cách và dấu ngoặc kép.", "Check the delimiters and quotes.",
        )  # fmt: skip
    if kind == "letters":
        return reason(
            "", "Có ký tự không đọc được trong bảng mã của tệp.", "A letter cannot be read in the file's encoding.",
            "Lưu tệp bằng UTF-8.", "Save the file as UTF-8.",
        )  # fmt: skip
    if kind == "json":
        return reason(
            "", f"Dòng không phải JSON: {rest}.", f"The line is not JSON: {rest}.",
            "Kiểm tra ngoặc và dấu phẩy.", "Check brackets and commas.",
        )  # fmt: skip
    if kind == "feature":
        return reason(
            "", "Không phải một Feature có properties và geometry.", "It is no Feature with properties and geometry.",
            "Xem RFC 7946.", "See RFC 7946.",
        )  # fmt: skip
    return reason(
        "", f"Dòng không đọc được: {rest or kind}.", f"The row cannot be read: {rest or kind}.",
        "Sửa dòng này trong tệp.", "Mend this row in the file.",
    )  # fmt: skip


_VIETNAMESE: Final[tuple[tuple[re.Pattern[str], str], ...]] = tuple(
    (re.compile(pattern), text)
    for pattern, text in (
        (r"(.+) is not a finite number\.", r"\1 không phải là số."),
        (r"(.+) is not a whole number(.*)\.", r"\1 không phải là số nguyên."),
        (r"(.+) is neither true nor false\.", r"\1 không phải đúng hay sai."),
        (r"(.+) is outside (.+)\.", r"\1 nằm ngoài \2."),
        (r"(.+) is not allowed\.", r"\1 không được chấp nhận."),
        (r"(\S+) needs (.+)\.", r"\1 thiếu trường bắt buộc: \2."),
        (r"longitude (.+) is outside.*", r"Kinh độ \1 nằm ngoài −180…180."),
        (r"latitude (.+) is outside.*", r"Vĩ độ \1 nằm ngoài −90…90."),
        (r"the ring is not closed\.", r"Vòng của đa giác không khép kín."),
        (r"(\d+) positions are too few for a (\w+)\.", r"\1 đỉnh là quá ít cho \2."),
        (r"a position has 2 or 3 numbers, not (\d+)\.", r"Một vị trí có 2 hoặc 3 số, không phải \1."),
        (r"(.+) is not a GeoJSON geometry( type)?\.", r"\1 không phải hình học GeoJSON."),
        (r"(.+) is not a URI\.", r"\1 không phải là URI."),
        (r"the id (.+) begins or ends with a blank\.", r"Mã \1 có khoảng trắng ở đầu hoặc cuối."),
        (r"(.+) is not a date-time\.", r"\1 không phải ngày giờ."),
        (r"(.+) has no time zone\.", r"\1 không có múi giờ."),
        (r"(.+) is not a day\.", r"\1 không phải là ngày."),
        (r"the entity (.+) exists\.", r"\1 đã có."),
        (r".*unique.*|.*is taken.*", r"Khoá duy nhất đã có đối tượng khác dùng."),
        (r"a new entity starts in (.+), not (.+)\.", r"Đối tượng mới bắt đầu ở trạng thái \1, không phải \2."),
        (r"unit (.+) is not known\.", r"Đơn vị \1 không có trong danh mục."),
        (r"the time lies in the future\.", r"Thời điểm ở tương lai."),
        (r".*lies before 1900\.", r"Thời điểm trước năm 1900."),
        (r".* lacks? .*permission.*|.*may not.*|.*is not allowed to.*", r"Bạn không có quyền ghi dòng này."),
    )
)
_REMEDIES: Final = {
    "Check the value and its unit.": "Kiểm tra giá trị và đơn vị.",
    "Remove the blanks: an id is a URI.": "Bỏ khoảng trắng: mã là một URI.",
    "Add it.": "Bổ sung giá trị này.",
    "Give [longitude, latitude].": "Ghi theo thứ tự [kinh độ, vĩ độ].",
    "Repeat the first position at the end.": "Lặp lại đỉnh đầu ở cuối vòng.",
    "Name the entity by its id (urn:…).": "Ghi mã đối tượng dạng urn:….",
}


def of_error(column: str, error: ProvinceError) -> Reason:
    """The reason behind a refusal of the product itself. What has no Vietnamese sentence yet is said in English."""
    vietnamese = next((p.sub(t, error.detail) for p, t in _VIETNAMESE if p.fullmatch(error.detail)), "")
    remedy = _REMEDIES.get(error.remedy) or re.sub(r"^One of: ", "Một trong: ", error.remedy)
    return Reason(
        column=column or error.field or "",
        reason=Label(vietnamese or f"Hệ thống từ chối: {error.detail}", error.detail),
        remedy=Label(remedy, error.remedy),
    )


def _shown(given: str) -> str:
    return f"“{given[:60]}”"
