/* The smallest program that cannot be linked without the library. */
#include <seawall.h>
#include <stdio.h>

int main(void) {
    const char *text = seawall_status_text(0);
    if (text == NULL || SEAWALL_VERSION_NUMBER <= 0) {
        return 1;
    }
    printf("seawall %s says: %s\n", SEAWALL_VERSION_TEXT, text);
    return 0;
}
