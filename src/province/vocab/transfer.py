"""Imports: who brought which file in, when, by which mapping, and what became of its rows."""

# ruff: noqa: N815 - NGSI-LD attribute names are camelCase

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Final

from province.model.label import Label
from province.model.schema import Field, Processing, Record, TypeInfo
from province.model.time import Instant
from province.model.unit import Unit
from province.model.workflow import Edge, Workflow
from province.vocab.privacy import LAW_91, OWN_PERIOD

PROGRESS: Final = Workflow(
    attribute="status",
    initial="draft",
    final=frozenset(("undone",)),
    edges=(
        Edge("draft", "checked", "dataimport.checked", Label("Đã chạy thử", "Tried without writing")),
        Edge("draft", "running", "dataimport.started", Label("Bắt đầu nhập", "Import begun")),
        Edge("draft", "failed", "dataimport.failed", Label("Không đọc được tệp", "The file cannot be read")),
        Edge("checked", "running", "dataimport.started", Label("Bắt đầu nhập", "Import begun")),
        Edge("checked", "failed", "dataimport.failed", Label("Không đọc được tệp", "The file cannot be read")),
        Edge("checked", "draft", "dataimport.changed", Label("Sửa ánh xạ", "Mapping changed")),
        Edge("failed", "draft", "dataimport.changed", Label("Sửa ánh xạ", "Mapping changed")),
        Edge("running", "done", "dataimport.finished", Label("Đã nhập xong", "All rows were looked at")),
        Edge("running", "interrupted", "dataimport.interrupted", Label("Bị gián đoạn", "Stopped before its end")),
        Edge("running", "failed", "dataimport.failed", Label("Không đọc được tệp", "The file cannot be read")),
        Edge("interrupted", "running", "dataimport.resumed", Label("Nhập tiếp", "Import resumed")),
        Edge("interrupted", "undone", "dataimport.undone", Label("Đã hoàn tác", "Taken back")),
        Edge("done", "undone", "dataimport.undone", Label("Đã hoàn tác", "Taken back")),
    ),
    names=(
        ("draft", Label("Chờ kiểm tra", "Waiting for a check")),
        ("checked", Label("Đã chạy thử", "Tried")),
        ("running", Label("Đang nhập", "Running")),
        ("interrupted", Label("Bị gián đoạn", "Interrupted")),
        ("failed", Label("Không đọc được", "Unreadable")),
        ("done", Label("Đã nhập", "Done")),
        ("undone", Label("Đã hoàn tác", "Undone")),
    ),
)


def _count(vi: str, en: str) -> Field:
    return Field(Label(vi, en), minimum=0)


class DataImport(Record, frozen=True, kw_only=True):
    """One file on its way in. Counts are of rows unless they say otherwise; of the last run or trial."""

    TYPE: ClassVar[TypeInfo] = TypeInfo(
        "DataImport", Label("Lần nhập dữ liệu", "Import"), title="fileName", workflow=PROGRESS, icon="file",
        processing=(
            Processing(
                purpose=Label("Sửa những dòng bị từ chối của tệp nhập", "To mend refused rows of a file"),
                ground="task", source=LAW_91, since="2026-01-01",
                keep_days=90, after="startedAt", keep_source=OWN_PERIOD,
            ),
        ),
    )  # fmt: skip

    fileName: Annotated[str, Field(Label("Tệp", "File"), indexed=True, search=True)]
    fileHash: Annotated[str, Field(Label("Mã băm SHA-256", "SHA-256"), indexed=True)]
    fileSize: Annotated[int, _count("Kích thước (byte)", "Size (bytes)"), Unit("C62")]
    format: Annotated[str, Field(Label("Định dạng", "Format"), indexed=True)] = ""
    target: Annotated[str, Field(Label("Loại đối tượng", "Target type"), indexed=True)] = ""
    status: Annotated[str, Field(Label("Tình trạng", "Status"), indexed=True, values=PROGRESS.states)] = (
        PROGRESS.initial
    )
    startedBy: Annotated[str | None, Field(Label("Người nhập", "By"), indexed=True)] = None
    startedAt: Annotated[Instant | None, Field(Label("Bắt đầu", "Begun"), indexed=True)] = None
    finishedAt: Annotated[Instant | None, Field(Label("Kết thúc", "Ended"))] = None
    mapping: Annotated[dict[str, Any] | None, Field(Label("Ánh xạ", "Mapping"))] = None
    mappingHash: Annotated[str | None, Field(Label("Mã băm ánh xạ", "Hash of the mapping"), indexed=True)] = None
    rows: Annotated[int | None, _count("Số dòng", "Rows"), Unit("C62")] = None
    taken: Annotated[int | None, _count("Dòng nhận", "Rows taken"), Unit("C62")] = None
    refused: Annotated[int | None, _count("Dòng từ chối", "Rows refused"), Unit("C62")] = None
    created: Annotated[int | None, _count("Đối tượng tạo mới", "Entities created"), Unit("C62")] = None
    changed: Annotated[int | None, _count("Đối tượng thay đổi", "Entities changed"), Unit("C62")] = None
    unchanged: Annotated[int | None, _count("Đối tượng không đổi", "Entities unchanged"), Unit("C62")] = None
    readings: Annotated[int | None, _count("Số đo nhận", "Readings taken"), Unit("C62")] = None
    known: Annotated[int | None, _count("Số đo đã có", "Readings known before"), Unit("C62")] = None
    trial: Annotated[bool, Field(Label("Chỉ chạy thử", "Trial only"))] = False
    note: Annotated[str, Field(Label("Ghi chú", "Note"))] = ""
    firstRefused: Annotated[
        tuple[dict[str, Any], ...], Field(Label("Dòng từ chối đầu tiên", "First refused rows"), personal=True)
    ] = ()
