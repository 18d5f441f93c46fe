"""What people, machines and screening services say when a call is answered.

Written for this measurement, before the first run of it, in the manner of such greetings.
"""

from collections.abc import Mapping

from telephony.outbound.machines import Answerer

TEXTS: Mapping[Answerer, tuple[str, ...]] = {
    "person": (
        "Hello?",
        "Hello.",
        "Hi.",
        "Yes?",
        "Yeah, hello?",
        "Hello, who is this?",
        "Ann Miller.",
        "This is Bob.",
        "Bob speaking.",
        "Good morning.",
        "Hey, what's up?",
        "Hello, hello?",
        "Miller residence.",
        "Good morning, Miller's flower shop, how can I help you?",
        "Thanks for calling Riverside Dental, this is Karen, how may I help you today?",
        "Doctor Brown's office, this is Susan speaking.",
        "Acme Plumbing, Dave here, what can I do for you?",
        "Sorry, hold on a second. Okay, hello?",
        "Hello, this is the Garcia family, Maria speaking.",
        "Hi, I'm driving, who is it?",
        "City library, front desk, good afternoon.",
        "Yes, this is she.",
        "Hello? I can't hear you very well.",
        "Hey honey, I'm almost home.",
        "Reception, can you hold please?",
    ),
    "machine": (
        "Hi, you've reached Ann. I can't come to the phone right now. Please leave a message "
        "after the tone.",
        "You have reached the voice mailbox of five five five, one two three four. Please leave "
        "your message after the beep.",
        "The person you are trying to reach is not available. At the tone, please record your "
        "message.",
        "Your call has been forwarded to an automatic voice message system.",
        "Hey, it's Bob. Leave a message.",
        "Hello. You've reached the Miller family. Nobody is home right now, so leave your name "
        "and number and we will call you back.",
        "Thank you for calling Riverside Dental. We are currently closed. Our opening hours are "
        "Monday to Friday, nine to five.",
        "Hi, this is Karen. I'm either away from my desk or on another call. Please leave a "
        "message and I'll get back to you as soon as I can.",
        "The number you have dialled is not in service.",
        "Hello? Just kidding, I'm not here. Leave me a message.",
        "This is Dave with Acme Plumbing. I'm probably under a sink. Leave your number and I'll "
        "call you back.",
        "The mailbox is full and cannot accept any messages at this time. Goodbye.",
        "Sorry I missed your call. Please text me instead.",
        "You know what to do. Wait for the beep.",
        "Hi there. I don't check my voicemail, so please send me an email.",
        "We're sorry, but the subscriber you have called is not reachable. Please try again later.",
        "Good afternoon, you are through to Brown and Partners. All of our staff are busy at the "
        "moment. Please leave your details after the signal.",
        "Hi, it's Susan, and you've missed me. Speak after the tone.",
        "Welcome to the Garcia family answering machine. Maria, Pedro and Luis can't take your "
        "call.",
        "Your call could not be completed. Please leave a message for",
    ),
    "screening": (
        "Hi, the person you're calling is using a screening service from Google. Go ahead and say "
        "your name and why you're calling.",
        "Please record your name and reason for calling, and I'll see if this person is available.",
        "Hello. Please state your name after the tone.",
        "Who is calling, please? Say your name and this call will be connected.",
        "This number uses call screening. Please state the reason for your call.",
        "Please say your name, and stay on the line while we try to connect you.",
        "To be connected, please press one.",
        "Hi, I'm the assistant of Ann. May I ask who's calling and what it is about?",
    ),
}
