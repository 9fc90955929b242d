/** {@link dev.seawall.http.SeawallHttpClient}: {@link java.net.http.HttpClient} with a policy around every request. */
package dev.seawall.http;
