"""What the shop's letters say, in Russian and English."""

from dataclasses import dataclass
from typing import Literal, get_args

from auth.mail_requests import MailKind

Kind = MailKind
Language = Literal["ru", "en"]
KINDS: tuple[Kind, ...] = get_args(Kind)
LANGUAGES: tuple[Language, ...] = get_args(Language)


@dataclass(frozen=True, slots=True)
class Words:
    """One letter: its subject, what stands before the link and the token, what the link says, and what stands after.

    `{act}` in it is one of `ACT`.
    """

    subject: str
    before: tuple[str, ...]
    link: str = ""
    after: tuple[str, ...] = ()


# Nobody is greeted by name: a stranger may have chosen it when registering somebody else's address.
GREETING: dict[Language, str] = {"ru": "Здравствуйте!", "en": "Hello,"}
# What to do with a token: where there is a link beside it, and where there is none.
ACT: dict[Language, tuple[str, str]] = {
    "ru": ("откройте ссылку или введите код", "введите код"),
    "en": ("open the link or enter the code", "enter the code"),
}
TOKEN: dict[Language, str] = {"ru": "Код:", "en": "Code:"}
CLOSING: dict[Language, str] = {
    "ru": "Это письмо отправлено автоматически, отвечать на него не нужно.",
    "en": "This letter was sent automatically; there is no need to answer it.",
}

WORDS: dict[Kind, dict[Language, Words]] = {
    "verify": {
        "ru": Words(
            "Подтвердите адрес почты",
            ("Этот адрес указали в нашем магазине. Чтобы подтвердить, что он ваш, {act}.",),
            "Подтвердить адрес",
            (
                "Код действует 24 часа и только один раз.",
                "Если вы нигде не регистрировались, ничего делать не нужно.",
            ),
        ),
        "en": Words(
            "Confirm your e-mail address",
            ("This address was given in our shop. To confirm that it is yours, {act}.",),
            "Confirm the address",
            ("The code holds for 24 hours and once only.", "If you didn't register anywhere, there is nothing to do."),
        ),
    },
    "reset": {
        "ru": Words(
            "Новый пароль",
            (
                "Кто-то попросил задать новый пароль для вашей учётной записи.",
                "Если это вы, {act}.",
            ),
            "Задать новый пароль",
            (
                "Код действует один час и только один раз. Никому его не передавайте.",
                "Если вы об этом не просили, ничего делать не нужно: пароль останется прежним.",
            ),
        ),
        "en": Words(
            "A new password",
            ("Someone asked to set a new password for your account. If it was you, {act}.",),
            "Set a new password",
            (
                "The code holds for one hour and once only. Give it to nobody.",
                "If you didn't ask for it, there is nothing to do: your password stays as it is.",
            ),
        ),
    },
    "password_changed": {
        "ru": Words(
            "Пароль изменён",
            (
                "Пароль вашей учётной записи изменён.",
                "Если это были не вы, сразу запросите новый пароль и проверьте список своих сеансов.",
            ),
        ),
        "en": Words(
            "Your password was changed",
            (
                "The password of your account was changed.",
                "If it wasn't you, ask for a new password at once and look through the list of your sessions.",
            ),
        ),
    },
    "already_registered": {
        "ru": Words(
            "У вас уже есть учётная запись",
            (
                "Кто-то попробовал зарегистрироваться в нашем магазине с вашим адресом, но он уже занят вами.",
                "Если это были вы, войдите как обычно; забытый пароль можно задать заново.",
                "Если это были не вы, ничего делать не нужно: ничего не изменилось.",
            ),
        ),
        "en": Words(
            "You have an account already",
            (
                "Someone tried to register in our shop with your address, but it has an account already.",
                "If it was you, sign in as usual; a forgotten password can be set anew.",
                "If it wasn't you, there is nothing to do: nothing has changed.",
            ),
        ),
    },
    "second_factor_changed": {
        "ru": Words(
            "Изменён второй шаг входа",
            (
                "Второй шаг входа (одноразовые коды) в вашу учётную запись включён, выключен или изменён.",
                "Если это были не вы, сразу смените пароль и сообщите администратору магазина.",
            ),
        ),
        "en": Words(
            "Your second sign-in step was changed",
            (
                "The second step of signing in to your account (one-time codes) was turned on, turned off or changed.",
                "If it wasn't you, change your password at once and tell the shop's administrator.",
            ),
        ),
    },
    "session_stolen": {
        "ru": Words(
            "Один из ваших сеансов завершён",
            (
                "Кто-то воспользовался устаревшим ключом одного из ваших сеансов: возможно, его украли. "
                "Этот сеанс завершён, войдите заново.",
                "Если такие письма приходят ещё, смените пароль и просмотрите список своих сеансов.",
            ),
        ),
        "en": Words(
            "One of your sessions was ended",
            (
                "Somebody used an outdated key of one of your sessions: it may have been stolen. "
                "That session was ended; sign in again.",
                "If more of these letters come, change your password and look through the list of your sessions.",
            ),
        ),
    },
}
