/** Sends the form of the page as soon as it is there. Where scripts do not run, its button does. */
document.forms[0].submit();
