"""What declarations of personal data share: the law that they name, and who set the periods that ship."""

from __future__ import annotations

from typing import Final

from province.model.label import Label

LAW_91: Final = Label(
    "Luật Bảo vệ dữ liệu cá nhân số 91/2025/QH15, hiệu lực từ 01/01/2026; nhiệm vụ của cơ quan nhà nước. Ghi theo hiểu"
    " biết chung, bộ phận pháp chế của tỉnh phải xác nhận điều khoản.",
    "Law 91/2025/QH15 on the protection of personal data, in force from 1 January 2026; a task of a public body."
    " Written down from general knowledge; the province's legal office must confirm the article.",
)
"""A ground as far as it is generally known. No article is quoted that nobody looked up."""
OWN_PERIOD: Final = Label(
    "Mặc định của phần mềm; không phải thời hạn luật định. Tỉnh ban hành thời hạn của mình.",
    "A default of this product, not a period of the law. The province sets its own.",
)
