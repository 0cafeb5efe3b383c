"""`python -m province`."""

from province.app import main

if __name__ == "__main__":
    main()
