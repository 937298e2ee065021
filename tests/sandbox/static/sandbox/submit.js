// OAuth 2.0 Form Post Response Mode, 2: the answer leaves by a form that submits itself.
document.getElementById("answer").submit();
