"""What falls due in this room. Authorisations need no row: their term is looked at whenever standing is asked."""

from provenance import register

DUE = {"agreement.end": register.end_agreement}
