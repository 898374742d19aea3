"""Problem details (RFC 9457) in Russian and English: the one table from an error's code to its status and words."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import orjson
from starlette.responses import Response

from eatit.errors import DomainError, Fault, Invalid
from eatit.http.languages import preferred_language
from eatit.observability import trace_id

MEDIA_TYPE = "application/problem+json"
RETRY_SECONDS = 1


@dataclass(frozen=True, slots=True)
class Problem:
    """A kind of problem: its status, and its title in both languages."""

    status: int
    en: str
    ru: str


PROBLEMS: dict[str, Problem] = {
    "unreadable_json": Problem(400, "The body is not readable JSON", "Тело запроса — не читаемый JSON"),
    "unreadable_form": Problem(400, "The body is not a readable form", "Тело запроса — не читаемая форма"),
    "unsupported_grant_type": Problem(
        400, "grant_type must be password or refresh_token", "grant_type — только password или refresh_token"
    ),
    "invalid_header": Problem(400, "A header can't be read", "Заголовок не читается"),
    "idempotency_key_required": Problem(400, "An Idempotency-Key is required", "Нужен заголовок Idempotency-Key"),
    "authentication_required": Problem(401, "Sign in first", "Сначала войдите"),
    "invalid_token": Problem(401, "The access token doesn't hold", "Токен доступа не действует"),
    "invalid_credentials": Problem(401, "E-mail or password is wrong", "Неверная почта или пароль"),
    "invalid_verification_token": Problem(
        401, "This confirmation doesn't hold any more; ask for another", "Подтверждение не действует; запросите новое"
    ),
    "invalid_reset_token": Problem(
        401, "This password reset doesn't hold any more; ask for another", "Сброс пароля не действует; запросите новый"
    ),
    "totp_required": Problem(401, "The code of a second factor is missing", "Нужен код второго фактора"),
    "invalid_totp_code": Problem(401, "The code doesn't hold", "Код не подходит"),
    "invalid_refresh_token": Problem(401, "The refresh token doesn't hold", "Токен обновления не действует"),
    "refresh_token_reused": Problem(
        401,
        "The refresh token was used already; the session is ended",
        "Токен обновления уже использован; сеанс завершён",
    ),
    "forbidden": Problem(403, "Your role doesn't allow this", "Ваша роль этого не позволяет"),
    "second_factor_required": Problem(403, "A second factor is required", "Нужен второй фактор"),
    "recent_sign_in_required": Problem(403, "Sign in again first", "Сначала войдите заново"),
    "not_found": Problem(404, "There is nothing here", "Здесь ничего нет"),
    "product_not_found": Problem(404, "There is no such product on sale", "Такого товара нет в продаже"),
    "basket_not_found": Problem(404, "There is no such basket", "Такой корзины нет"),
    "method_not_allowed": Problem(405, "This method isn't allowed here", "Этот метод здесь не разрешён"),
    "conflict": Problem(409, "This contradicts what stands", "Это противоречит тому, что есть"),
    "email_taken": Problem(409, "This e-mail address is taken", "Этот адрес почты занят"),
    "totp_not_started": Problem(409, "No second factor was begun", "Подключение второго фактора не начато"),
    "totp_not_enabled": Problem(409, "There is no second factor", "Второй фактор не подключён"),
    "second_factor_demanded": Problem(409, "Your role must have a second factor", "Вашей роли нужен второй фактор"),
    "code_taken": Problem(409, "This code is taken", "Этот код занят"),
    "slug_taken": Problem(409, "This slug is taken", "Этот slug занят"),
    "sku_taken": Problem(409, "This SKU is taken", "Этот артикул занят"),
    "barcode_taken": Problem(409, "This barcode is taken", "Этот штрихкод занят"),
    "category_cycle": Problem(409, "A category can't stand under itself", "Категория не может быть внутри самой себя"),
    "last_admin": Problem(
        409,
        "The last admin can be neither demoted nor disabled",
        "Последнего администратора нельзя ни понизить, ни отключить",
    ),
    "in_use": Problem(409, "This is in use", "Это используется"),
    "insufficient_stock": Problem(409, "There isn't so much of it", "Столько этого нет"),
    "not_uploaded": Problem(409, "Nothing has been uploaded there yet", "Туда ещё ничего не загружено"),
    "too_many_photos": Problem(409, "The product has no room for more photos", "У товара больше нет места для фото"),
    "product_archived": Problem(409, "The product is archived", "Товар в архиве"),
    "stock_too_large": Problem(409, "No warehouse holds so much", "Столько не бывает на складе"),
    "upload_missing": Problem(409, "The file isn't there", "Файла ещё нет"),
    "basket_full": Problem(409, "The basket holds no more lines", "В корзину больше не помещается"),
    "basket_empty": Problem(409, "The basket is empty", "Корзина пуста"),
    "quantity_not_sold": Problem(409, "A quantity isn't sold any more", "Какое-то количество больше не продаётся"),
    "price_changed": Problem(409, "The total has risen", "Сумма выросла"),
    "below_minimum_order": Problem(409, "The order is too small", "Заказ слишком мал"),
    "above_maximum_order": Problem(409, "The order is too large", "Заказ слишком велик"),
    "too_many_open_orders": Problem(409, "Too many open orders", "Слишком много незавершённых заказов"),
    "out_of_stock": Problem(409, "There isn't enough of it all", "Не всё есть в нужном количестве"),
    "illegal_transition": Problem(409, "The order can't go there", "Заказ не может перейти в это состояние"),
    "not_paid": Problem(409, "Nothing is paid that could be given back", "Не оплачено ничего, что можно вернуть"),
    "refund_too_large": Problem(409, "Not so much was paid", "Столько не было оплачено"),
    "request_in_progress": Problem(
        409, "The first request with this key is still running", "Первый запрос с этим ключом ещё выполняется"
    ),
    "version_mismatch": Problem(412, "It was changed since you read it", "Это изменили с тех пор, как вы его прочли"),
    "body_too_large": Problem(413, "The body is over 1,048,576 bytes", "Тело запроса больше 1 048 576 байт"),
    "unsupported_media_type": Problem(415, "Send JSON: application/json", "Пришлите JSON: application/json"),
    "invalid_body": Problem(422, "The body breaks rules", "Тело запроса нарушает правила"),
    "invalid_parameter": Problem(422, "A parameter breaks rules", "Параметр нарушает правила"),
    "invalid_cursor": Problem(
        422, "The cursor can't be read or belongs to another list", "Курсор не читается или от другого списка"
    ),
    "not_a_picture": Problem(422, "This isn't a picture to be shown", "Это не изображение, которое можно показать"),
    "invalid_quantity": Problem(422, "This quantity can't be sold", "Такое количество не продаётся"),
    "weak_password": Problem(422, "This password is too easy to guess", "Этот пароль слишком легко угадать"),
    "idempotency_key_reused": Problem(
        422, "This Idempotency-Key belongs to another body", "Этот Idempotency-Key — от другого тела запроса"
    ),
    "too_many_requests": Problem(429, "Too many tries; wait a little", "Слишком много попыток; подождите немного"),
    "internal_error": Problem(500, "Something broke on our side", "У нас что-то сломалось"),
    "unavailable": Problem(503, "Not available for the moment", "Сейчас недоступно"),
}

# What is said in `detail`, with the error's parameters in braces; the title stands in where a code has none.
DETAILS: dict[str, tuple[str, str]] = {
    "unreadable_form": ("The form can't be read: {why}.", "Форма не читается: {why}."),
    "authentication_required": (
        "This needs an access token: Authorization: Bearer …",
        "Нужен токен доступа: Authorization: Bearer …",
    ),
    "invalid_token": ("It is malformed, expired, or not from here.", "Он испорчен, истёк или выдан не здесь."),
    "forbidden": ("This needs the role {role}.", "Для этого нужна роль {role}."),
    "totp_required": (
        "Send totp_code too: of the authenticator, or a recovery code.",
        "Пришлите и totp_code: код из приложения или код восстановления.",
    ),
    "invalid_totp_code": (
        "It is wrong, or was used already.",
        "Он неверный или уже использован.",
    ),
    "totp_not_started": (
        "Begin at POST /auth/totp; what was begun may have been confirmed or dropped.",
        "Начните с POST /auth/totp; начатое могло быть уже подтверждено или отменено.",
    ),
    "second_factor_required": (
        "Enrol a second factor at /auth/totp, or give its code at /auth/totp/verify.",
        "Подключите второй фактор через /auth/totp или введите его код через /auth/totp/verify.",
    ),
    "recent_sign_in_required": (
        "This needs a sign-in of the last ten minutes.",
        "Для этого нужен вход не раньше чем десять минут назад.",
    ),
    "internal_error": ("It is logged under trace_id.", "Это записано в журнал под trace_id."),
    "unavailable": (
        "Try again in a moment; with the same Idempotency-Key nothing is done twice.",
        "Попробуйте чуть позже; с тем же Idempotency-Key ничего не сделается дважды.",
    ),
    "invalid_header": ("{header} can't be read: {expected}.", "{header} не читается: {expected}."),
    "invalid_body": ("See errors.", "Смотрите errors."),
    "invalid_parameter": ("See errors.", "Смотрите errors."),
    "version_mismatch": (
        "Read it again, and send the new ETag in If-Match.",
        "Прочтите заново и пришлите новый ETag в If-Match.",
    ),
    "in_use": ("It is used by {by}.", "Используется: {by}."),
    "too_many_photos": ("It may have {most}.", "Их может быть {most}."),
    "not_a_picture": ("{why}. The upload is gone.", "{why}. Загруженное удалено."),
    "price_changed": (
        "It comes to what total says now; check out again with that as expected_total, if you agree.",
        "Теперь выходит столько, сколько в total; если вы согласны, оформите заказ с ним в expected_total.",
    ),
    "quantity_not_sold": (
        "See lines: set other quantities, by the product's step, minimum and maximum.",
        "Смотрите lines: задайте другие количества по шагу, минимуму и максимуму товара.",
    ),
    "below_minimum_order": (
        "The goods must come to what minimum_order says.",
        "Товаров должно быть на сумму из minimum_order.",
    ),
    "above_maximum_order": (
        "An order may come to what maximum_order says; make several.",
        "Сумма заказа — не больше maximum_order; сделайте несколько.",
    ),
    "too_many_open_orders": (
        "{most} orders of cash may be open at once; one must be paid, delivered or cancelled first.",
        "Незавершённых заказов за наличные может быть {most}; сначала нужно оплатить, получить или отменить один.",
    ),
    "out_of_stock": (
        "See lines: what of each is available.",
        "Смотрите lines: сколько чего есть.",
    ),
    "illegal_transition": ("From {present} it can't become {wanted}.", "Из {present} нельзя перейти в {wanted}."),
    "refund_too_large": ("See refundable: so much can be given back.", "Смотрите refundable: столько можно вернуть."),
    "insufficient_stock": ("{available} can be taken.", "Можно взять {available}."),
}

# The words of single faults in `errors`; {…} are the fault's parameters.
FAULTS: dict[str, tuple[str, str]] = {
    "missing": ("This field is required.", "Это поле обязательно."),
    "unknown_field": ("There is no such field.", "Такого поля нет."),
    "wrong_type": ("This must be {expected}.", "Здесь должно быть: {expected}."),
    "out_of_range": ("This must be {expected}.", "Здесь должно быть: {expected}."),
    "wrong_length": ("The length must be {expected}.", "Длина должна быть: {expected}."),
    "wrong_form": ("This isn't of the right form: {expected}.", "Это не той формы: {expected}."),
    "not_one_of": ("This must be one of {expected}.", "Допустимо только: {expected}."),
    "unreadable_text": ("The text has NUL or broken characters.", "В тексте есть NUL или испорченные символы."),
    "too_many_places": ("At most {places} decimal places.", "Не больше {places} знаков после запятой."),
    "exponent": ("Write the number without an exponent.", "Напишите число без экспоненты."),
    "wrong_currency": ("This shop's currency is {expected}.", "Валюта этого магазина — {expected}."),
    "unknown_reference": ("There is no such {what}.", "Этого нет: {what}."),
    "wrong_check_digit": ("The check digit doesn't fit.", "Контрольная цифра не сходится."),
    "wrong_dimension": (
        "A unit of {dimension} doesn't fit here.",
        "Единица измерения «{dimension}» здесь не подходит.",
    ),
    "contradiction": ("This contradicts {other}.", "Это противоречит полю {other}."),
    "sku_taken": ("Another product has this SKU.", "Этот артикул — у другого товара."),
    "barcode_taken": ("Another product has this barcode.", "Этот штрихкод — у другого товара."),
    "unknown_column": (
        "No field has this name, and the mapping names none.",
        "Такого поля нет, и mapping его не называет.",
    ),
    "repeated_column": ("Another column says {field} already.", "Поле {field} уже есть в другом столбце."),
    "missing_column": (
        "The mapping names this column, the file has none.",
        "mapping называет этот столбец, в файле его нет.",
    ),
    "wrong_cell_count": ("{found} cells where the header has {expected}.", "Ячеек {found}, а в заголовке {expected}."),
    "repeated_header": ("This is the header once more.", "Это ещё раз заголовок."),
    "row_too_large": ("A row has {limit} bytes at most.", "В строке не больше {limit} байт."),
    "unreadable_row": (
        "The row can't be read: look at its quotes; in JSON Lines it must be an object.",
        "Строка не читается: проверьте кавычки; в JSON Lines это должен быть объект.",
    ),
    "unstorable": ("The database doesn't take this row.", "База данных не принимает эту строку."),
    "repeated": ("This stands twice.", "Это указано дважды."),
    "not_a_multiple": ("This must be a multiple of {step}.", "Должно быть кратно {step}."),
    "below_minimum": ("At least {minimum}.", "Не меньше {minimum}."),
    "above_maximum": ("At most {maximum}.", "Не больше {maximum}."),
    "too_short": ("At least {minimum} characters.", "Не короче {minimum} знаков."),
    "too_long": ("At most {maximum} characters.", "Не длиннее {maximum} знаков."),
    "too_common": ("This is among the commonest passwords.", "Это один из самых частых паролей."),
    "made_of_email": ("This is made of the e-mail address.", "Это составлено из адреса почты."),
}


def _said(words: tuple[str, str] | None, language: str, parameters: dict[str, Any], fallback: str) -> str:
    if words is None:
        return fallback
    place = 1 if language == "ru" else 0
    told = {name: value[place] if isinstance(value, tuple) else value for name, value in parameters.items()}
    try:
        return words[place].format_map(told)
    except KeyError:
        return fallback


def describe_fault(fault: Fault, language: str) -> dict[str, str]:
    """One entry of `errors`."""
    detail = _said(FAULTS.get(fault.code), language, fault.parameters, fault.code)
    return {"pointer": fault.pointer.encode("utf-8", "replace").decode(), "code": fault.code, "detail": detail}


def problem_response(
    error: DomainError, *, path: str, accept_language: str | None, headers: dict[str, str] | None = None
) -> Response:
    """The answer for an error, in the caller's language. A parameter may be a pair of words, English and Russian."""
    code = error.code if error.code in PROBLEMS else "internal_error"
    problem = PROBLEMS[code]
    language = preferred_language(accept_language, "en")
    title = problem.ru if language == "ru" else problem.en
    body: dict[str, Any] = {
        "type": f"urn:problem-type:eatit:{code}",
        "title": title,
        "status": problem.status,
        "detail": _said(DETAILS.get(code), language, error.parameters, title),
        "instance": quote(path.encode("utf-8", "replace"), safe="/:@!$&'()*+,;=~-._"),
        "code": code,
        "trace_id": trace_id(),
    }
    if isinstance(error, Invalid):
        body["errors"] = [describe_fault(fault, language) for fault in error.faults[:100]]
    body.update(error.extra)
    answer_headers = {"Content-Language": language, "Cache-Control": "no-store"}
    answer_headers |= {"Vary": "Accept-Language, Authorization", **(headers or {})}
    if problem.status == 401:
        answer_headers["WWW-Authenticate"] = 'Bearer error="invalid_token"' if code == "invalid_token" else "Bearer"
    if problem.status in (429, 503):
        answer_headers["Retry-After"] = str(error.parameters.get("retry_after", RETRY_SECONDS))
    return Response(orjson.dumps(body), problem.status, headers=answer_headers, media_type=MEDIA_TYPE)
