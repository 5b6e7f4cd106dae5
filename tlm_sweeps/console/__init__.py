"""What people see: tables, the live view, plain lines, errors. The only room that prints."""
