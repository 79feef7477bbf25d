# A filter on Sendmail's own libmilter, through Debian's python3-milter: it does what the subject asks for.
import sys
import Milter


class Filter(Milter.Base):
    def connect(self, hostname, family, hostaddr):
        self.line = "-"
        self.client = "%s %s" % (hostname, hostaddr[0])
        return Milter.CONTINUE

    def hello(self, name):
        self.name = name
        return Milter.CONTINUE

    def envfrom(self, path, *parameters):
        self.subject, self.size, self.path = "", 0, path
        return Milter.CONTINUE

    def envrcpt(self, path, *parameters):
        if "refused" in path:
            self.setreply("550", "5.7.1", "not to this one")
            return Milter.REJECT
        return Milter.CONTINUE

    def unknown(self, line):
        self.line = line
        return Milter.CONTINUE

    def header(self, name, value):
        if name == "Subject":
            self.subject = value
        return Milter.CONTINUE

    def body(self, piece):
        self.size += len(piece)
        return Milter.CONTINUE

    def eom(self):
        self.addheader("X-Seen", "%s %s %s %d" % (self.client, self.name, self.path, self.size))
        self.progress()
        if "change" in self.subject:
            self.chgheader("Subject", 1, "changed")
            self.addheader("X-Top", "top", 1)
            self.replacebody(b"written anew\r\n")
            self.addrcpt("<carol@example.org>")
            self.delrcpt("<bob@example.org>")
            self.chgfrom("<other@example.net>")
            self.quarantine("asked for")
        if "tell" in self.subject:
            self.addheader("X-Line", self.line)
            self.addrcpt("<dave@example.org>", "NOTIFY=NEVER")
        if "later" in self.subject:
            return Milter.TEMPFAIL
        if "drop" in self.subject:
            return Milter.DISCARD
        return Milter.CONTINUE


Milter.factory = Filter
Milter.set_flags(
    Milter.ADDHDRS | Milter.CHGHDRS | Milter.CHGBODY | Milter.ADDRCPT | Milter.ADDRCPT_PAR | Milter.DELRCPT | Milter.QUARANTINE | Milter.CHGFROM
)
Milter.runmilter("postroad", sys.argv[1], 60)
