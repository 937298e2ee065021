// Sends the form of an authorization response (OAuth 2.0 Form Post Response Mode, 2).
document.getElementById("form-post").submit();
