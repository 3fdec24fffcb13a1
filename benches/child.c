/*
 * The application under every init of the benchmark: small, static, and it tells the launcher what happens to it.
 *
 *   child                  ends at once with 0
 *   child hold             reports U (up), answers USR1 and URG with S, dies of TERM, ends when the launcher lets go
 *   child orphans COUNT    the same, and for every byte on the lifeline makes COUNT double-forked orphans, then reports D
 *
 * Descriptor 3 is the report pipe. Descriptor 4 is the launcher's lifeline: its end-of-file ends this program, so that
 * none is left behind whatever became of the init between the two.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { REPORT = 3, LIFELINE = 4 };

static void say(char letter) {
    if (write(REPORT, &letter, 1) != 1)
        _exit(9);
}

static void answer(int number) {
    (void)number;
    say('S');
}

/* Waits for one byte of the launcher; end-of-file ends the program. Signals only interrupt the wait. */
static void wait_for_byte(void) {
    char byte;
    for (;;) {
        ssize_t got = read(LIFELINE, &byte, 1);
        if (got == 1)
            return;
        if (got == 0)
            _exit(0);
    }
}

static void make_orphans(int count) {
    for (int i = 0; i < count; i++) {
        pid_t middle = fork();
        if (middle < 0)
            _exit(8);
        if (middle == 0) {
            pid_t orphan = fork();
            _exit(orphan < 0 ? 8 : 0);
        }
        int status;
        if (waitpid(middle, &status, 0) != middle || status != 0)
            _exit(8);
    }
}

int main(int argc, char **argv) {
    if (argc < 2)
        return 0;

    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = answer;
    sigaction(SIGUSR1, &action, 0);
    sigaction(SIGURG, &action, 0);
    say('U');

    for (;;) {
        wait_for_byte();
        make_orphans(argc > 2 ? atoi(argv[2]) : 0);
        say('D');
    }
}
