"""What happened, in order, unchangeable: entries in the transaction of the event they record."""
